import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createClient } from '@tocsin/api'
import { programEnv } from './program-env.ts'
import { codeAt } from './totp.ts'
import type { Call } from './world.ts'

const program = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url))

/** The server as `tocsin serve` runs it, in a process of its own. */
export interface OwnProcess {
  readonly child: ChildProcess
  /** Where it is reached; empty until it is ready. */
  readonly origin: string
  readonly setupLink: string | null
  /** What it has written to standard error. */
  errors(): string
  /** Its log so far, a line an object. */
  log(): Record<string, unknown>[]
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  stop(): Promise<number | NodeJS.Signals | null>
}

/** Starts it and does not wait: for starts that are to fail. */
export function spawnServer(env: Readonly<Record<string, string>>): Omit<OwnProcess, 'origin' | 'setupLink'> & { readonly ready: Promise<OwnProcess> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, '--json', 'serve'], {
    // What the rules about Tocsin itself raise is no part of what is tested: they have a test of their own.
    env: { ...programEnv, TOCSIN_OWN_RULES: 'false', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  let out = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => child.once('exit', (code, signal) => resolve(code ?? signal)))
  const common = {
    child,
    ended,
    errors: () => errors,
    log: () =>
      errors
        .split('\n')
        .filter(line => line.startsWith('{'))
        .map(line => JSON.parse(line) as Record<string, unknown>),
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
  const ready = new Promise<OwnProcess>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (!out.includes('\n')) return
      const { origin, setupLink } = JSON.parse(out) as { origin: string; setupLink: string | null }
      resolve({ ...common, origin: origin.replace('localhost', '127.0.0.1'), setupLink })
    })
    void ended.then(code => reject(new Error(`the server ended with ${code} before it was ready: ${errors}`)))
  })
  ready.catch(() => undefined)
  return { ...common, ready }
}

/** Sets a fresh server up: its first administrator, and a client with a key of theirs. */
export async function setUpServer({ origin, setupLink }: OwnProcess): Promise<Call> {
  let cookie = ''
  const send: typeof fetch = async (input, init) => {
    const reply = await fetch(input, { ...init, headers: { ...(init?.headers as Record<string, string>), origin, cookie } })
    cookie = reply.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return reply
  }
  const session = createClient({ origin, fetch: send })
  const token = setupLink?.split('/setup/')[1] ?? ''
  await session('setUp', { body: { token, organization: 'Bright Ledger', name: 'Ada', email: 'ada@tocsin.test', password: 'correct horse battery staple' } })
  const { secret } = await session('startTotp')
  await session('confirmTotp', { body: { code: codeAt(secret, Date.now()) } })
  const { secret: apiKey } = await session('createApiKey', {
    body: { name: 'test', scopes: ['alerts:read', 'alerts:write', 'incidents:read', 'incidents:write', 'catalog:read', 'catalog:write', 'journal:read'] },
  })
  return createClient({ origin, apiKey })
}
