import { and, eq, exists, or, type SQL, sql } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/pg-core'
import type { AppContext, Viewer } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import { pageNotifications, pages } from './tables.ts'

/** Says which incidents pages belong to, and the messages about them: those of a bundle to the incidents of all its pages, and answers as what they answer. */
export function definePageVisibility({ visibility }: AppContext): void {
  visibility.belongs('page', id => sql`select page.within_id from pages page where page.id = ${id}`)
  visibility.belongs(
    'message',
    id => sql`select page.within_id from page_notifications sent join pages page on page.id = sent.page_id where sent.message_id = ${id}
      union all select page.within_id from messages message join pages page on page.id = message.purpose_id where message.id = ${id}
      union all select page.within_id from messages message join page_notifications sent on sent.bundle_id = message.purpose_id
        join pages page on page.id = sent.page_id where message.id = ${id}`,
  )
}

/** The condition for pages that a viewer may see and act on: by their incident, and whoever was paged sees the page that paged them. */
export function maySeePage({ visibility }: AppContext, viewer: Viewer): SQL | undefined {
  const byIncident = visibility.condition(viewer, pages.withinId)
  // What a service account's maker was paged for is that person's.
  if (viewer.needToKnow !== 'own') return byIncident
  const paged = new QueryBuilder()
    .select({ id: pageNotifications.id })
    .from(pageNotifications)
    .where(and(eq(pageNotifications.pageId, pages.id), eq(pageNotifications.personId, viewer.personId)))
  return or(byIncident, and(exists(paged), sql`${visibility.isSuspect(viewer, pages.withinId)} is not true`))
}

/** Some pages without those of incidents that a person is a suspect of: to them these do not exist. */
export async function withoutSuspected<Page extends Pick<typeof pages.$inferSelect, 'withinId'>>(
  reader: Reader,
  { visibility }: AppContext,
  all: readonly Page[],
  personId: string,
): Promise<Page[]> {
  const suspects = await visibility.suspectsOf(
    reader,
    all.flatMap(page => page.withinId ?? []),
  )
  return all.filter(page => !suspects.get(page.withinId ?? '')?.has(personId))
}
