import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'

/**
 * The path of a real Chromium: the one that CHROMIUM_PATH names, or the one that comes as a package, unpacked once a version.
 * The package takes any `chromium` that lies in the temporary folder, whatever its version: so each has a folder of its own.
 */
export async function chromiumPath(): Promise<string> {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const { version } = JSON.parse(readFileSync(join(packageFolder(entry), 'package.json'), 'utf8')) as { version: string }
  const folder = join(tmpdir(), `tocsin-chromium-${version}`)
  mkdirSync(folder, { recursive: true })
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  try {
    return await chromium.executablePath()
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

function packageFolder(entry: string): string {
  const marker = join('@sparticuz', 'chromium')
  return entry.includes(marker) ? entry.slice(0, entry.lastIndexOf(marker) + marker.length) : dirname(entry)
}

// Not the list that comes with the package: it is for functions in the cloud, and its single process mixes up contexts.
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--no-first-run',
  '--disable-quic',
  '--disable-component-update',
  '--disable-sync',
]

const wholeChromium = '/usr/bin/chromium'
export const hasWholeBrowser = existsSync(wholeChromium)
export const wholeBrowserMissing = 'the whole of Chromium is not installed (Debian has it): the one of the package shows no notifications'

/** The whole of Chromium, as somebody has it, but without a window: it shows notifications. */
export const openWholeBrowser = (): Promise<Browser> => playwright.launch({ executablePath: wholeChromium, headless: true, args: ['--headless=new', ...args] })

export function openBrowser(path: string): Promise<Browser> {
  return playwright.launch({ executablePath: path, headless: true, args })
}
