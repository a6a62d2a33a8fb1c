import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { ConfigProblem } from './config-problem.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A secret is a line, not a document: what is longer is another file, or a device without an end. */
const maxBytes = 64 * 1024
const commandTimeoutMs = 15_000

/** The environment variables that say where the value of a secret setting is: a file, or a command that prints it. */
export const sourceNamesOf = (name: string): readonly string[] => [`${name}_FILE`, `${name}_COMMAND`]

/**
 * The value of a secret setting from the file or the command that the environment names for it, without white space around it.
 * @param secretNames settings that the command is not told
 * @returns undefined where the environment names none
 * @throws ConfigProblem that names the variable, and nothing of the value
 */
export function readSecretSource(env: Environment, name: string, secretNames: readonly string[]): string | undefined {
  const [file = '', command = ''] = sourceNamesOf(name)
  const given = [name, file, command].filter(one => (env[one] ?? '') !== '')
  if (given.length > 1) throw new ConfigProblem(`${given.slice(0, -1).join(', ')} and ${given.at(-1)} are set. Set one of them.`)
  if (given[0] === file) return assertValue(file, fromFile(file, env[file] ?? ''))
  if (given[0] === command) return assertValue(command, fromCommand(env, command, secretNames))
  return undefined
}

function assertValue(from: string, text: string): string {
  const value = text.trim()
  if (value === '') throw new ConfigProblem(`${from}: what it names is empty.`)
  return value
}

function fromFile(from: string, path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found?.isFile()) throw new ConfigProblem(`${from} names ${path}, which is not a file.`)
  if (found.size > maxBytes) throw new ConfigProblem(`${from} names ${path}, which is larger than ${maxBytes} bytes.`)
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigProblem(`${from} names ${path}, which cannot be read (${error instanceof Error && 'code' in error ? error.code : 'unknown error'}).`)
  }
}

/** Without a shell, and with everything that the client of a secret store may need but the other secrets. */
function fromCommand(env: Environment, from: string, secretNames: readonly string[]): string {
  const [program = '', ...args] = (env[from] ?? '').split(/\s+/).filter(word => word !== '')
  const others = Object.fromEntries(Object.entries(env).filter(([name]) => !secretNames.includes(name)))
  const options = { env: others, timeout: commandTimeoutMs, killSignal: 'SIGKILL', maxBuffer: maxBytes, encoding: 'utf8' } as const
  const { error, status, signal, stdout } = spawnSync(program, args, { ...options, stdio: ['ignore', 'pipe', 'ignore'] })
  if (error && 'code' in error && error.code === 'ETIMEDOUT')
    throw new ConfigProblem(`${from}: the command ${program} did not end within ${commandTimeoutMs / 1_000} s.`)
  if (error) throw new ConfigProblem(`${from}: the command ${program} could not be run (${'code' in error ? error.code : error.message}).`)
  if (status !== 0) throw new ConfigProblem(`${from}: the command ${program} ended with ${status ?? signal}.`)
  return stdout
}
