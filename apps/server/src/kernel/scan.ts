import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { runCommand } from './command.ts'
import { type Config, settingsPart } from './config.ts'
import { makeTemporaryFolder } from './temporary-files.ts'

export const scanSettings = settingsPart(
  {
    TOCSIN_SCAN_COMMAND: z
      .union([z.string(), z.array(z.string())])
      .transform(given => (typeof given === 'string' ? given.split(/\s+/).filter(word => word !== '') : given))
      .refine(([name]) => name !== undefined && name !== '', 'must be a command and its arguments, such as clamdscan --fdpass --no-summary')
      .optional()
      .describe('Command that scans files of strangers for malware; the path of the file is added to it. Exit code 0: clean, 1: infected'),
  },
  { TOCSIN_SCAN_COMMAND: 'value' },
)

export const hasScanner = (config: Config) => config.of(scanSettings).TOCSIN_SCAN_COMMAND !== undefined

/** The scanner did not come to a result. */
export class ScanFailure extends Error {
  override readonly name = 'ScanFailure'
}

/**
 * Has the configured scanner look at a file, which lies in a folder of its own meanwhile.
 * @throws ScanFailure where it comes to no result; the signal's reason
 */
export async function scan(config: Config, content: Readable, signal: AbortSignal): Promise<'clean' | 'infected'> {
  const [name, ...args] = config.of(scanSettings).TOCSIN_SCAN_COMMAND ?? []
  if (name === undefined) throw new ScanFailure('no scanner is configured')
  const folder = await makeTemporaryFolder('scan')
  try {
    const path = join(folder, 'file')
    await pipeline(content, createWriteStream(path, { mode: 0o600 }), { signal })
    const env = { PATH: process.env.PATH, LC_ALL: 'C' }
    const { code, complaint } = await runCommand({ name, args: [...args, path], env, folder }, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw new ScanFailure(`the scanner could not be started (${error instanceof Error ? error.message : String(error)})`)
    })
    if (code === 0) return 'clean'
    if (code === 1) return 'infected'
    throw new ScanFailure(`the scanner ended with ${code}: ${complaint.slice(0, 300)}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
