import { isAtLeast, isUnacknowledged } from '@tocsin/api'
import { noProgress } from '@tocsin/oncall'
import { and, getTableColumns, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import type { Tx } from '../kernel/database.ts'
import { escalatePages, type PageRow } from './escalation.ts'
import { type NotificationRequest, notifyPeople } from './notifications.ts'
import { pages } from './tables.ts'

/** A subject that has become more severe, and what its page says from now on. */
export interface Rise extends Pick<PageRow, 'subjectId' | 'title' | 'summary' | 'severity'> {}

/**
 * What pages are about has become more severe. One that nobody has acknowledged escalates again from the first level, by the policy and urgency that apply now;
 * of an acknowledged one whoever acknowledged is paged. A few statements for all of them.
 */
export async function raisePages(tx: Tx, context: AppContext, risen: readonly Rise[]): Promise<void> {
  if (risen.length === 0) return
  const column = (of: (one: Rise) => string) => sql.param(risen.map(of))
  const raised = await tx.db
    .update(pages)
    .set({ severity: sql`risen.severity`, title: sql`risen.title`, summary: sql`risen.summary` })
    .from(
      sql`unnest(${column(one => one.subjectId)}::uuid[], ${column(one => one.severity)}::text[], ${column(one => one.title)}::text[], ${column(one => one.summary)}::text[])
        as risen(subject_id, severity, title, summary)`,
    )
    .where(
      and(
        sql`${pages.subjectId} = risen.subject_id and not ${pages.isNeutral}`,
        inArray(pages.state, ['triggered', 'exhausted', 'acknowledged']),
        // One that is over in favor of another about the same.
        sql`not (${pages.state} = 'exhausted' and exists (select 1 from ${pages} twin where twin.key = ${pages.key} and twin.state = 'triggered'))`,
      ),
    )
    .returning(getTableColumns(pages))
  const why = 'Its severity has risen.'
  const escalating = raised.filter(isUnacknowledged).map(page => page.id)
  if (escalating.length > 0) {
    await tx.db.update(pages).set({ state: 'triggered', progress: noProgress }).where(inArray(pages.id, escalating))
    await escalatePages(tx, context, escalating, { why })
  }
  const working = raised.flatMap((page): NotificationRequest[] =>
    page.state === 'acknowledged' && page.acknowledgedById !== null
      ? [
          {
            page: isAtLeast(page.severity, 'high') ? { ...page, urgency: 'high' } : page,
            personId: page.acknowledgedById,
            levelIndex: page.levelIndex - 1,
            why: `${why} You have acknowledged this page.`,
          },
        ]
      : [],
  )
  await notifyPeople(tx, context, working)
}
