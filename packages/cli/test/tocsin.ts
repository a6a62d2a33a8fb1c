import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { programEnv } from '../../../apps/server/test/program-env.ts'

const program = fileURLToPath(new URL('../bin/tocsin.mjs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the command line as a shell would, to its end. */
export function tocsin(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ''): Promise<Ended> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [program, ...args], { env: { ...programEnv, ...env } })
    let out = ''
    let err = ''
    child.stdout.on('data', chunk => {
      out += chunk
    })
    child.stderr.on('data', chunk => {
      err += chunk
    })
    child.on('exit', code => resolve({ code, out, err }))
    child.stdin.end(input)
  })
}
