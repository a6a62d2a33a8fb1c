import { createHash } from 'node:crypto'

/**
 * Canonical JSON (RFC 8785, JCS): one byte sequence for one value, so that a hash of it means the value.
 * @throws TypeError for what JSON cannot say (functions, undefined at the top, NaN, infinities).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`canonical JSON cannot represent ${value}`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(member => canonicalJson(member ?? null)).join(',')}]`
  if (typeof value === 'object') {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      // RFC 8785 orders keys by UTF-16 code units, which is what `<` compares.
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`
  }
  throw new TypeError(`canonical JSON cannot represent ${typeof value}`)
}

/** SHA-256 of a value's canonical JSON, in hexadecimal digits: names a text, a rule or a document as it is now. */
export function digest(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
