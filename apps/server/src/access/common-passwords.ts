import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * The passwords with 12 characters and more among the million most common of ten million that were breached (Mark Burnett, public domain; by way of SecLists), made by
 * `scripts/common-passwords.ts`: fingerprints of four bytes, sorted.
 */
export const commonPasswordsFile = new URL('./common-passwords.bin', import.meta.url)

/** What of a password is compared: the same for upper and lower case. */
export const fingerprintOf = (password: string): number => createHash('sha256').update(password.normalize('NFKC').toLowerCase()).digest().readUInt32BE()

let bytes: Buffer | undefined

/** True for a password of the list; of others for one in 100,000. */
export function isCommon(password: string): boolean {
  bytes ??= readFileSync(commonPasswordsFile)
  const wanted = fingerprintOf(password)
  let low = 0
  let high = bytes.length / 4
  while (low < high) {
    const middle = (low + high) >> 1
    const found = bytes.readUInt32BE(middle * 4)
    if (found === wanted) return true
    if (found < wanted) low = middle + 1
    else high = middle
  }
  return false
}
