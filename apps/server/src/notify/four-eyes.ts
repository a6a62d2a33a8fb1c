import { type SQL, sql } from 'drizzle-orm'
import { assertPerson, type Caller } from '../access/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { forbidden } from '../kernel/problems.ts'

/** A mailbox: whatever stands after a + in front of the @ is the same one. */
const mailbox = (address: SQL) => sql`lower(regexp_replace(${address}, '\\+[^@]*@', '@'))`

/**
 * Four eyes are those of two people: the caller is a person, and none of those who did the first part. Accounts with one mailbox, or with one verified contact
 * method, count as one person.
 * @param first whose work it is that is looked at; null for nobody
 * @param sentence why one of them is refused
 * @throws AppProblem forbidden
 */
export async function assertSecondPerson(tx: Tx, caller: Caller, first: readonly (string | null)[], sentence: string): Promise<void> {
  assertPerson(caller, 'This must be done')
  const ids = first.flatMap(id => id ?? [])
  if (ids.includes(caller.personId)) throw forbidden(sentence)
  if (await isOneOf(tx, caller, ids)) throw forbidden(`${sentence} Your account has a mailbox or contact method of theirs, and counts as the same person.`)
}

/** The accounts of some people: those given, and others with the mailbox of one of them. */
export async function withTheirAccounts(reader: Reader, personIds: readonly string[]): Promise<string[]> {
  const { rows } = await reader.db.execute<{ id: string }>(sql`
    select id from people where id = any(${sql.param([...personIds])}::uuid[])
      or ${mailbox(sql`email`)} in (select ${mailbox(sql`own.email`)} from people own where own.id = any(${sql.param([...personIds])}::uuid[]))
    order by id`)
  return rows.map(({ id }) => id)
}

/** True for one of some people, by their account or by another one that counts as the same person; a service account counts as whoever made it. */
export async function isOneOf(tx: Tx, caller: Caller, personIds: readonly string[]): Promise<boolean> {
  if (personIds.includes(caller.personId)) return true
  const ids = [...new Set(personIds)]
  const { rows } = await tx.db.execute(sql`
    with reached (person_id, kind, address) as (
      select id, 'email', ${mailbox(sql`email`)} from people
      union all
      select person_id, kind, case kind when 'email' then ${mailbox(sql`address`)} else address end from contact_methods where verified_at is not null
    )
    select 1 from reached own join reached other on other.kind = own.kind and other.address = own.address
    where own.person_id = ${caller.personId}::uuid and other.person_id = any(${sql.param(ids)}::uuid[]) limit 1`)
  return rows.length > 0
}
