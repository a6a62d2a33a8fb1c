import { asc, inArray, sql } from 'drizzle-orm'
import { type IncidentRow, incidents } from '../incidents/index.ts'
import type { Tx } from '../kernel/database.ts'
import type { obligations } from './tables.ts'

type ObligationRow = typeof obligations.$inferSelect

/** Who is paged about what is due now. */
interface Called {
  readonly incident: IncidentRow
  readonly rows: readonly ObligationRow[]
}

/** Obligations that are due, by the incident whose lead is paged about them: of those that are joined, the one with the earliest deadline pages the parent's. */
export async function calledBy(tx: Tx, incident: IncidentRow, due: readonly ObligationRow[]): Promise<Called[]> {
  if (due.length === 0) return []
  const { rows } = await tx.db.execute<{ id: string; hostId: string }>(sql`
    select own.id, coalesce(host.incident_id, own.incident_id) as "hostId" from obligations own left join obligations host on host.id = own.joined_to_id
    where own.id = any(${sql.param(due.map(({ id }) => id))}::uuid[]) and not exists (
      select 1 from obligations other where other.state = 'due' and (other.due_at, other.id) < (own.due_at, own.id)
        and coalesce(other.joined_to_id, other.id) = coalesce(own.joined_to_id, own.id))`)
  const hostOf = new Map(rows.map(({ id, hostId }) => [id, hostId]))
  const hosts = new Set(hostOf.values())
  const found =
    hosts.size === 0
      ? []
      : await tx.db
          .select()
          .from(incidents)
          .where(inArray(incidents.id, [...hosts]))
          .orderBy(asc(incidents.id))
  return found.map(host => ({ incident: host.id === incident.id ? incident : host, rows: due.filter(({ id }) => hostOf.get(id) === host.id) }))
}
