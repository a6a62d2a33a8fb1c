import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'

/** What is read where a field was erased. */
export const erasedText = '[erased]'

/** A value that a body commits to, with the salt (base64) that its commitment was made with. */
export interface CommittedValue {
  readonly salt: string
  readonly value: string
}

const member = '$commitment'

/**
 * SHA-256(salt || canonical JSON of the value), in base64: it stands in a body in the place of a field that can be erased, so that the field can go and the body's hash holds.
 * @param salt `saltBytes` random bytes of this field alone: without it, nobody can find out an erased value by trying what it may have been
 */
export const commitmentOf = (salt: Uint8Array, value: string): string => createHash('sha256').update(salt).update(canonicalJson(value)).digest('base64')

/** True where a value that a body commits to is the one that the commitment was made of. */
export const isCommitted = (commitment: string, { salt, value }: CommittedValue): boolean =>
  typeof salt === 'string' && typeof value === 'string' && commitmentOf(Buffer.from(salt, 'base64'), value) === commitment

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** The commitment that a member of a body is; undefined where it is something else. */
function commitmentIn(value: unknown): string | undefined {
  if (!isMembers(value)) return undefined
  const commitment = value[member]
  return typeof commitment === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(commitment) && Object.keys(value).length === 1 ? commitment : undefined
}

/** A copy of data in which some members are otherwise. @param change given each member with its path (`/files/0/name`); undefined leaves it and looks into it */
function changed(data: unknown, change: (path: string, value: unknown) => unknown, path = ''): unknown {
  const other = change(path, data)
  if (other !== undefined) return other
  if (Array.isArray(data)) return data.map((each, at) => changed(each, change, `${path}/${at}`))
  if (!isMembers(data)) return data
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, changed(value, change, `${path}/${name}`)]))
}

/** True where a path (`/files/0/name`) is one of a pattern (`files.*.name`). */
const fits = (path: string, pattern: string) => {
  const [, ...parts] = path.split('/')
  const wanted = pattern.split('.')
  return wanted.length === parts.length && wanted.every((part, at) => part === '*' || part === parts[at])
}

/**
 * Puts commitments in the place of the texts that can be erased. Empty ones stay: they say nothing.
 * @param patterns of their paths, as `before.contacts.*.email`
 * @param salts gives `saltBytes` random bytes for each
 */
export function commit<Data>(data: Data, patterns: readonly string[], salts: () => Uint8Array): { data: unknown; values: ReadonlyMap<string, CommittedValue> } {
  const values = new Map<string, CommittedValue>()
  if (patterns.length === 0) return { data, values }
  const committed = changed(data, (path, value) => {
    if (typeof value !== 'string' || value === '' || !patterns.some(pattern => fits(path, pattern))) return undefined
    const salt = salts()
    values.set(path, { salt: Buffer.from(salt).toString('base64'), value })
    return { [member]: commitmentOf(salt, value) }
  })
  return { data: committed, values }
}

/** The commitments of a body's data, by their paths. */
export function commitmentsIn(data: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  changed(data, (path, value) => {
    const commitment = commitmentIn(value)
    if (commitment !== undefined) found.set(path, commitment)
    return commitment
  })
  return found
}

/** Data with its values in the place of the commitments, and {@link erasedText} where the value was erased. */
export const reveal = (data: unknown, valueAt: (path: string) => string | undefined): unknown =>
  changed(data, (path, value) => (commitmentIn(value) === undefined ? undefined : (valueAt(path) ?? erasedText)))
