import { sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { type IncidentRow, incidents } from '../incidents/index.ts'
import { recordAll, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { conflict } from '../kernel/problems.ts'
import { customerNames, type ObligationRow, resolveCalls } from './clocks.ts'
import { obligations } from './tables.ts'

interface Pair extends Record<string, unknown> {
  readonly id: string
  readonly incidentId: string
  readonly customerId: string
  readonly joinedToId: string | null
  readonly wantedId: string | null
  readonly parentId: string | null
  readonly parentNumber: number | null
}

/**
 * Open obligations of children whose host is not the one that it has to be: that of the parent to the same customer, where both are due and neither incident is restricted.
 * What is being sent just now was approved without the other, and joins nothing more.
 */
const misjoined = sql`
  from obligations child join incidents part on part.id = child.incident_id
  left join lateral (
    select owed.id, owed.incident_id, whole.number::int from obligations owed join incidents whole on whole.id = owed.incident_id
    where whole.id = part.parent_id and owed.customer_id = child.customer_id and owed.kind = 'initial' and owed.state = 'due' and child.state = 'due'
      and not part.is_restricted and not whole.is_restricted
      and (owed.id = child.joined_to_id or not exists (
        select 1 from notices sending join obligations its on its.id = sending.obligation_id
        where sending.state = 'sending' and its.customer_id = child.customer_id and its.incident_id in (part.id, whole.id)))
  ) parent on true
  where child.kind = 'initial' and child.state in ('due', 'deferred') and child.joined_to_id is distinct from parent.id`

/** Incidents with obligations that should be joined and are not, or the other way round: there are none, as long as `joinObligations` follows each change. */
export async function incidentsMisjoined(reader: Reader, limit: number): Promise<readonly { readonly incidentId: string; readonly count: number }[]> {
  const { rows } = await reader.db.execute<{ incidentId: string; count: number }>(sql`
    select child.incident_id as "incidentId", count(*)::int as count ${misjoined} group by child.incident_id limit ${limit}`)
  return rows
}

/**
 * Joins the notifications that linked incidents owe to the same customer, and separates those that are not linked any more. One that is due in a child is joined to that of
 * its parent, where that is due too: one notice, drafted at the parent, meets both. Each keeps its own deadline, and the earliest of them pages the parent's lead.
 * Neither incident may be restricted: what one of them owes would tell who may see the other alone.
 * @param incidentIds incidents of which something has changed; their children and parents are looked at, too
 */
export async function joinObligations(tx: Tx, context: AppContext, incidentIds: readonly string[]): Promise<void> {
  const ids = sql.param([...incidentIds])
  // What a notice of the parent meets just now is known before anything is joined to it.
  await tx.db.execute(sql`
    select 1 from obligations owed where owed.kind = 'initial' and owed.incident_id in (
      select part.parent_id from incidents part where part.id = any(${ids}::uuid[]) union select whole.id from incidents whole where whole.id = any(${ids}::uuid[]))
    order by owed.id for update`)
  const { rows } = await tx.db.execute<Pair>(sql`
    select child.id, child.incident_id as "incidentId", child.customer_id as "customerId", child.joined_to_id as "joinedToId",
      parent.id as "wantedId", parent.incident_id as "parentId", parent.number as "parentNumber"
    ${misjoined}
      and (part.id = any(${ids}::uuid[]) or part.parent_id = any(${ids}::uuid[])
        or child.joined_to_id in (select own.id from obligations own where own.incident_id = any(${ids}::uuid[])))
    order by child.id for update of child`)
  if (rows.length === 0) return
  await tx.db.execute(sql`
    update obligations set joined_to_id = changed.wanted, paged_at = null, version = version + 1
    from unnest(${sql.param(rows.map(({ id }) => id))}::uuid[], ${sql.param(rows.map(({ wantedId }) => wantedId))}::uuid[]) as changed (id, wanted)
    where obligations.id = changed.id`)
  const nameOf = await customerNames(tx, rows)
  await recordAll(
    tx,
    rows.map(({ id, incidentId, customerId, wantedId, parentId, parentNumber }) => {
      const entry = { actor: system, subject: { kind: 'obligation' as const, id }, within: incidentId }
      const customer = nameOf(customerId)
      return wantedId === null || parentId === null || parentNumber === null
        ? { ...entry, type: 'obligation.separated' as const, data: { customer } }
        : { ...entry, type: 'obligation.joined' as const, data: { customer, joinedToId: wantedId, incidentId: parentId, incident: parentNumber } }
    }),
  )
  for (const incidentId of new Set(rows.map(row => row.incidentId))) await resolveCalls(tx, context, incidentId)
}

/**
 * @throws AppProblem conflict for an obligation that the notice of a parent incident is to meet: what is done about it is done there. Once it is met, each incident has
 * updates of its own: the parent may be closed by then.
 */
export async function assertNotJoined(reader: Reader, { joinedToId, state }: ObligationRow, customer: string): Promise<void> {
  if (joinedToId === null || state === 'notified') return
  const [parent] = await reader.db
    .select({ number: incidents.number })
    .from(incidents)
    .innerJoin(obligations, sql`${obligations.incidentId} = ${incidents.id} and ${obligations.id} = ${joinedToId}`)
  throw conflict(
    `The notification of ${customer} is shared with parent incident ${parent?.number ?? ''}: one notice serves both. Draft it there, or unlink this incident from its parent.`,
  )
}

/** Condition: an obligation of what a customer is owed in an incident, or one of a child that is joined to such. */
export const isMetWith = ({ incidentId, customerId }: Pick<ObligationRow, 'incidentId' | 'customerId'>) =>
  sql`(${obligations.incidentId} = ${incidentId} and ${obligations.customerId} = ${customerId} or ${obligations.joinedToId} in (
    select host.id from obligations host where host.incident_id = ${incidentId} and host.customer_id = ${customerId}))`

/** The incidents that a notice is about: its own, and those of the obligations that are joined to what it meets; by their numbers. */
export async function incidentsOf(reader: Reader, incident: IncidentRow, customerId: string): Promise<{ id: string; number: number }[]> {
  const { rows } = await reader.db.execute<{ id: string; number: number }>(sql`
    select part.id, part.number::int from obligations joined join incidents part on part.id = joined.incident_id
    where joined.joined_to_id in (select host.id from obligations host where host.incident_id = ${incident.id} and host.customer_id = ${customerId})`)
  return [{ id: incident.id, number: incident.number }, ...rows].sort((a, b) => a.number - b.number)
}
