import type { AlertOccurrence } from '@tocsin/api'
import { and, desc, eq, lt, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Viewer } from '../access/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { readAlert } from './queue.ts'
import { alertOccurrences } from './tables.ts'

/** Occurrences of one alert that are kept: its latest ones. */
export const maxOccurrences = 50

/** What an alert says, each time that it is received. */
export type Content = Pick<typeof alertOccurrences.$inferSelect, 'severity' | 'title' | 'description' | 'observables' | 'links' | 'labels'>

/** @param number the how-manieth of its alert */
export type Occurrence = Content & { readonly alertId: string; readonly number: number }

/** Keeps occurrences, and of each alert the latest ones: one statement, however many there are. */
export async function keepOccurrences(tx: Tx, occurrences: readonly Occurrence[]): Promise<void> {
  if (occurrences.length === 0) return
  await tx.db.execute(sql`
    with given as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(occurrences)}::jsonb) as given
        ("alertId" uuid, number int, severity text, title text, description text, observables jsonb, links jsonb, labels jsonb)
    ), evicted as (
      delete from ${alertOccurrences} kept using (select "alertId", max(number) as newest from given group by 1) latest
      where kept.alert_id = latest."alertId" and kept.number <= latest.newest - ${maxOccurrences}::int
    )
    insert into ${alertOccurrences} (alert_id, number, at, severity, title, description, observables, links, labels)
    select "alertId", number, ${tx.now}::timestamptz, severity, title, description, observables, links, labels from given`)
}

const cursor = listCursor('alert-occurrences', z.tuple([z.int()]))

/** One page of the occurrences of an alert that the viewer may see, newest first, and the incident that the alert is part of. */
export async function listOccurrences(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  alertId: string,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<{ readonly page: { items: AlertOccurrence[]; next: string | null }; readonly incidentId: string | null }> {
  // As by every list, a cursor that is none is refused whatever the ID is.
  const [after] = cursor.read(query.cursor) ?? []
  const { incident } = await readAlert(reader, context, viewer, alertId)
  const rows = await reader.db
    .select()
    .from(alertOccurrences)
    .where(and(eq(alertOccurrences.alertId, alertId), after === undefined ? undefined : lt(alertOccurrences.number, after)))
    .orderBy(desc(alertOccurrences.number))
    .limit(query.limit + 1)
  const { items, next } = cursor.page(rows, query.limit, row => [row.number])
  return { page: { items: items.map(({ alertId: _, ...occurrence }) => occurrence), next }, incidentId: incident?.id ?? null }
}
