import { hashBody } from '@tocsin/merkle'
import type { Secrets } from '../kernel/secrets.ts'
import type { journal } from './tables.ts'

type Row = typeof journal.$inferSelect

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

/** What is wrong with an entry that was not sealed yet; undefined for one that this program wrote. */
export function macFault(secrets: Pick<Secrets, 'isSigned' | 'wasSigned'>, row: Row): MacFault | undefined {
  const { id, seq, actorId, actorName, withinId, data, salt, bodyHash, mac } = row
  if (mac === null) return 'no MAC'
  const claims = claimsOf(row, bodyHash)
  if (!secrets.isSigned(purpose, claims, mac) && !secrets.wasSigned(purpose, claims, mac, seq)) return 'wrong MAC'
  if (data === null || salt === null) return 'changed body'
  try {
    return hashBody(salt, { id, actor: { id: actorId, name: actorName }, within: withinId, data }).equals(bodyHash) ? undefined : 'changed body'
  } catch (error) {
    // PostgreSQL keeps numbers that JavaScript has not, and of which no hash can be made.
    if (error instanceof TypeError) return 'changed body'
    throw error
  }
}
