import type { AlertMatchers, RouteInput, Severity, Silence, silenceRoutes } from '@tocsin/api'
import { endOfHours, isWithin } from '@tocsin/oncall'
import { and, asc, eq, gt, inArray, lte, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, accountsThatActed, type Caller, people, type Viewer } from '../access/index.ts'
import { knownServices } from '../directory/index.ts'
import { record, recordAll } from '../journal/index.ts'
import { addDays, earlierOf, laterOf } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { alerts, silences } from './tables.ts'

export const silenceOverJob = defineJob({ kind: 'silence.over', lane: clocksLane, data: z.object({ silenceId: z.uuid() }) })
const maxSilences = 200
const maxDays = 366

type Row = typeof silences.$inferSelect

/** The fields of an alert that silences match. */
export interface Matched {
  readonly serviceId: string | null
  readonly severity: Severity
  readonly source: string
  readonly title: string
}

/** True when the alert fulfills all matchers. */
export function matches({ serviceIds, severities, source, titleContains }: AlertMatchers, alert: Matched): boolean {
  if (serviceIds.length > 0 && (alert.serviceId === null || !serviceIds.includes(alert.serviceId))) return false
  if (severities.length > 0 && !severities.includes(alert.severity)) return false
  if (source !== '' && alert.source !== source) return false
  return titleContains === '' || alert.title.toLowerCase().includes(titleContains.toLowerCase())
}

/** Those of some silences whose reasons a viewer may read: what held nothing but alerts of incidents belongs to these. */
export async function readableSilences(reader: Reader, context: AppContext, viewer: Viewer, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const found = await reader.db
    .select({ id: silences.id })
    .from(silences)
    .where(and(inArray(silences.id, [...ids]), context.visibility.ofRecord(viewer, 'silence', silences.id)))
  return new Set(found.map(({ id }) => id))
}

/** The active silences. */
export async function silencesNow(reader: Reader): Promise<Row[]> {
  const rows = await reader.db
    .select()
    .from(silences)
    .where(and(lte(silences.start, reader.now), gt(silences.end, reader.now)))
    .orderBy(asc(silences.id))
  return rows.filter(row => row.hours === null || isWithin(row.hours, reader.now))
}

/** Keeps alerts from paging while a silence is active; when it ends, they are evaluated again. */
export async function silence(
  tx: Tx,
  row: Row,
  held: readonly { readonly id: string; readonly incidentId: string | null }[],
  actor: Parameters<typeof record>[1]['actor'],
): Promise<void> {
  if (held.length === 0) return
  await tx.db
    .update(alerts)
    .set({ silencedById: row.id })
    .where(sql`${alerts.id} = any(${sql.param(held.map(({ id }) => id))}::uuid[])`)
  await recordAll(
    tx,
    held.map(({ id, incidentId }) => ({
      ...{ actor, type: 'alert.silenced' as const, subject: { kind: 'alert' as const, id }, within: incidentId },
      data: { silenceId: row.id, reason: row.reason },
    })),
  )
  const over = row.hours === null ? row.end : (endOfHours(row.hours, tx.now) ?? row.end)
  await schedule(tx, { kind: silenceOverJob, key: `silence:${row.id}`, runAt: earlierOf(over, row.end), data: { silenceId: row.id } })
}

/** Why an alert was silenced, in the words of who added the silence. */
export async function reasonOfSilence(reader: Reader, id: string): Promise<string> {
  const [row] = await reader.db.select({ reason: silences.reason }).from(silences).where(eq(silences.id, id))
  if (!row) throw notFound('silence')
  return row.reason
}

/** The silences that are not over, each with how many of the alerts that a viewer may see it holds. */
export async function listSilences(reader: Reader, context: AppContext, viewer: Viewer): Promise<Silence[]> {
  const visible = context.visibility.condition(viewer, alerts.incidentId)
  const rows = await reader.db
    .select({
      row: silences,
      author: people.name,
      held: sql<number>`(select count(*)::int from ${alerts} where ${alerts.silencedById} = ${silences.id} and ${visible})`,
    })
    .from(silences)
    .innerJoin(people, eq(people.id, silences.authorId))
    .where(and(gt(silences.end, reader.now), context.visibility.ofRecord(viewer, 'silence', silences.id)))
    .orderBy(asc(silences.end))
    .limit(maxSilences)
  const active = new Set((await silencesNow(reader)).map(row => row.id))
  const added = await accountsThatActed(
    reader,
    rows.map(({ row }) => ({ id: row.id, personId: row.authorId })),
    'silence.added',
  )
  return rows.map(({ row, author, held }) => ({
    ...{
      id: row.id,
      matchers: row.matchers,
      reason: row.reason,
      hours: row.hours,
      start: row.start,
      end: row.end,
      createdAt: row.createdAt,
      author: added.get(row.id) ?? author,
      held,
    },
    isActive: active.has(row.id),
  }))
}

export async function addSilence(tx: Tx, context: AppContext, caller: Caller, input: RouteInput<typeof silenceRoutes.addSilence>['body']): Promise<Silence> {
  if (input.end <= tx.now) throw invalid('end', 'must be in the future')
  if (input.end > addDays(laterOf(input.start, tx.now), maxDays)) throw invalid('end', 'must be at most one year after the start')
  const known = await knownServices(tx, input.matchers.serviceIds)
  if (!input.matchers.serviceIds.every(id => known.has(id))) throw invalid('matchers.serviceIds', 'must be IDs of existing services')
  if ((await tx.db.$count(silences, gt(silences.end, tx.now))) >= maxSilences) throw conflict(`At most ${maxSilences} silences are allowed.`)
  const row: Row = { ...input, id: newId(), authorId: caller.personId, createdAt: tx.now }
  await tx.db.insert(silences).values(row)
  await record(tx, { actor: caller.actor, type: 'silence.added', subject: { kind: 'silence', id: row.id }, data: ruleOf(row) })
  const found = (await listSilences(tx, context, caller)).find(one => one.id === row.id)
  if (!found) throw notFound('silence')
  return found
}

const ruleOf = ({ matchers, reason, hours, start, end }: Row) => ({ matchers, reason, hours, start, end })

/** Ends a silence now: alerts that are still open are evaluated again at once. */
export async function endSilence(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const [before] = await tx.db
    .select()
    .from(silences)
    .where(and(eq(silences.id, id), gt(silences.end, tx.now), context.visibility.ofRecord(caller, 'silence', silences.id)))
    .for('update')
  if (!before) throw notFound('silence')
  await tx.db.update(silences).set({ end: tx.now }).where(eq(silences.id, id))
  await record(tx, { actor: caller.actor, type: 'silence.ended', subject: { kind: 'silence', id }, data: { before: ruleOf(before) } })
  await schedule(tx, { kind: silenceOverJob, key: `silence:${id}`, runAt: tx.now, data: { silenceId: id } })
}
