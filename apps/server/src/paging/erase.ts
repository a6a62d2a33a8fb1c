import { erasedText } from '@tocsin/merkle'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Reader, Tx } from '../kernel/database.ts'
import { eraseMessages } from '../notify/index.ts'
import { pageNotifications, pages } from './tables.ts'

/** The IDs of the pages about some alerts. */
export async function pagesAbout(reader: Reader, alertIds: readonly string[]): Promise<string[]> {
  const found = await reader.db
    .select({ id: pages.id })
    .from(pages)
    .where(and(eq(pages.subjectKind, 'alert'), inArray(pages.subjectId, [...alertIds])))
  return found.map(({ id }) => id)
}

/** Erases what pages about alerts quote of them, and the messages that were sent about these pages, alone or with others. */
export async function erasePagesAbout(tx: Tx, alertIds: readonly string[]): Promise<void> {
  const about = await tx.db
    .update(pages)
    .set({
      // What is neutral says nothing of the alert.
      title: sql`case when ${pages.isNeutral} then ${pages.title} else regexp_replace(${pages.title}, '(Report R-[2-9A-Z]{8}): .*$', ${`\\1: ${erasedText}`}::text) end`,
      summary: sql`case when ${pages.isNeutral} then ${pages.summary} else ${erasedText}::text end`,
    })
    .where(and(eq(pages.subjectKind, 'alert'), inArray(pages.subjectId, [...alertIds])))
    .returning({ id: pages.id })
  if (about.length === 0) return
  const pageIds = about.map(({ id }) => id)
  const bundles = await tx.db.selectDistinct({ id: pageNotifications.bundleId }).from(pageNotifications).where(inArray(pageNotifications.pageId, pageIds))
  await eraseMessages(tx, [...pageIds, ...bundles.flatMap(({ id }) => id ?? [])])
}
