import type { KeyObject } from 'node:crypto'
import { type LogKeys, NotGenuine, openNote, openSigned, signNote, verifierKey } from './checkpoint.ts'

/** The statement by which a key of a log hands over to the next one: it signs nothing that is larger than `size`. */
export interface Succession {
  /** The log's name, which stays. */
  readonly origin: string
  /** Verifier keys. */
  readonly from: string
  readonly to: string
  /** Entries of the log at that time. */
  readonly size: number
}

const title = 'tocsin key succession v1'
const form = /^([^\n]+)\ntocsin key succession v1\n([^\n]+)\n([^\n]+)\n(0|[1-9][0-9]{0,15})\n$/

/** Signs a succession as a C2SP signed note, with both keys: neither can be named by who does not have it. */
export function signSuccession(origin: string, size: number, from: KeyObject, to: KeyObject): string {
  const text = `${origin}\n${title}\n${verifierKey(origin, from)}\n${verifierKey(origin, to)}\n${size}\n`
  return signNote(text, origin, [from, to])
}

/** @throws NotGenuine when it is not a succession, or is not signed by both keys */
function openSuccession(note: string): Succession {
  const { text, signatures } = openNote(note)
  const [, origin = '', from = '', to = '', size = ''] = form.exec(text) ?? []
  if (origin === '' || signatures.length !== 2) throw new NotGenuine('a statement of a new key is not of the form of one')
  for (const [position, key] of [from, to].entries()) openSigned(text, signatures[position] ?? '', origin, key)
  return { origin, from, to, size: Number(size) }
}

/**
 * The keys of a log from its newest and the statements that lead to it.
 * @throws NotGenuine when they are no chain: each statement is signed by both keys, and goes on where the one before ended
 */
export function logKeys(newest: string, successions: readonly string[]): LogKeys {
  const steps = successions.map(openSuccession)
  for (const [position, { origin, to, size }] of steps.entries()) {
    const next = steps[position + 1]
    if (to !== (next?.from ?? newest) || origin !== (next?.origin ?? origin) || size > (next?.size ?? size))
      throw new NotGenuine('the statements of new keys do not lead from one to the next')
  }
  return [...steps.map(({ from, size }) => ({ key: from, maxSize: size })), { key: newest, maxSize: Number.POSITIVE_INFINITY }]
}
