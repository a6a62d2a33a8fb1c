import { hashBody } from '@tocsin/merkle'
import type { Secrets } from '../kernel/secrets.ts'
import { erasuresOf, hasOwnValues, type StoredRow as Row } from './values.ts'

/** What of an entry is known before it is stored and stands outside its body. */
type Header = Pick<Row, 'id' | 'at' | 'type' | 'version' | 'actorKind' | 'subjectKind' | 'subjectId'>

const purpose = 'journal entry'

const claimsOf = ({ id, at, type, version, actorKind, subjectKind, subjectId }: Header, bodyHash: Buffer) =>
  JSON.stringify([id, Date.parse(at), type, version, actorKind, subjectKind, subjectId, bodyHash.toString('base64')])

/**
 * The MAC of an entry, which is over its id, its time, its header and the hash of its body. Its key is not in the database: whoever can only write there
 * can neither make an entry that has one nor give that of another entry to it.
 */
export const macOf = (sign: Secrets['sign'], header: Header, bodyHash: Buffer): string => sign(purpose, claimsOf(header, bodyHash))

/** What shows that an entry is not as this program wrote it: it has no MAC, one of something else, or another body than its hash says. */
export type MacFault = 'no MAC' | 'wrong MAC' | 'changed body'

/** True where somebody else wrote the entry: the body of one of this program may have been changed since. */
export const isForeign = (fault: MacFault | undefined): fault is Exclude<MacFault, 'changed body'> => fault === 'no MAC' || fault === 'wrong MAC'

/** What is wrong with an entry that was not sealed yet; undefined for one that this program wrote. */
export function macFault(keys: Pick<Secrets, 'isSigned' | 'wasSigned'>, row: Row): MacFault | undefined {
  const { seq, bodyHash, mac } = row
  if (mac === null) return 'no MAC'
  const claims = claimsOf(row, bodyHash)
  if (!keys.isSigned(purpose, claims, mac) && !keys.wasSigned(purpose, claims, mac, seq)) return 'wrong MAC'
  return hasOwnBody(row) ? undefined : 'changed body'
}

/** The same of an entry of whatever age. @param border the number of the last one from before there were MACs */
export const entryFault = (keys: Pick<Secrets, 'isSigned' | 'wasSigned'>, row: Row, border: number): MacFault | undefined =>
  row.mac === null && row.seq <= border ? (hasOwnBody(row) ? undefined : 'changed body') : macFault(keys, row)

/** True where the body is the one that the hash in the row was made of, with the texts that it commits to; what was erased of it is not missing. */
export function hasOwnBody(row: Row): boolean {
  const { id, actorId, actorName, withinId, data, salt, bodyHash } = row
  if (data === null || salt === null) return erasuresOf(row).has('')
  try {
    return hashBody(salt, { id, actor: { id: actorId, name: actorName }, within: withinId, data }).equals(bodyHash) && hasOwnValues(row)
  } catch (error) {
    // PostgreSQL keeps numbers that JavaScript has not, and of which no hash can be made.
    if (error instanceof TypeError) return false
    throw error
  }
}
