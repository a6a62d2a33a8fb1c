import { type Difference, missingIncident } from '@tocsin/events/fold'
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { incidents } from '../incidents/index.ts'
import { lastEntryAbout, nextOfType } from '../journal/index.ts'
import type { Reader } from '../kernel/database.ts'

/**
 * Incidents that an entry opened and that are missing from the tables, whose rows somebody deleted: among the next that were opened, above a number of the audit log.
 * Those of the demo are removed by an act on record.
 * @returns them by ID, and the number to go on from; undefined after the last
 */
export async function nextMissing(reader: Reader, after: number): Promise<{ missing: ReadonlyMap<string, Difference[]>; after: number } | undefined> {
  // Before the rows: what is opened meanwhile has both.
  const opened = await nextOfType(reader, 'incident.opened', after)
  if (opened === undefined) return undefined
  const ids = opened.entries.map(({ subject }) => subject.id).filter(isUuid)
  const rows = await reader.db
    .select({ id: incidents.id })
    .from(incidents)
    .where(sql`${incidents.id} = any(${sql.param(ids)}::uuid[])`)
  const stored = new Set(rows.map(({ id }) => id))
  const demo = await lastEntryAbout(reader, { kind: 'demo', id: 'demo' }, 'demo.removed')
  const missing = opened.entries.filter(
    ({ subject, isDemo, at }) => isUuid(subject.id) && !stored.has(subject.id) && !(isDemo && demo !== undefined && at <= demo.at),
  )
  return { missing: new Map(missing.map(entry => [entry.subject.id, [missingIncident(entry)]])), after: opened.after }
}

/** What no incident can have for an ID is no incident's. */
const isUuid = (id: string) => z.uuid().safeParse(id).success

/** All incidents that an entry opened and that are missing from the tables. */
export async function allMissing(reader: Reader): Promise<ReadonlyMap<string, Difference[]>> {
  const found = new Map<string, Difference[]>()
  for (let next = await nextMissing(reader, 0); next !== undefined; next = await nextMissing(reader, next.after))
    for (const [id, differences] of next.missing) found.set(id, differences)
  return found
}
