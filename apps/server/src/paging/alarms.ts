import { and, eq, gt, inArray, or } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { system } from '../journal/index.ts'
import type { Alarm } from '../kernel/alarms.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { openPage, resolvePages } from './pages.ts'
import { pages } from './tables.ts'

const pageKey = (key: string) => `system ${key}`
/** A page that no administrator acknowledged is raised again after that time, if its cause is still there. */
const repeatMinutes = 240

/**
 * Pages all active administrators about the installation itself, each by their own notification rules, until one acknowledges. While a page with
 * this key is open nobody is paged again.
 */
export async function alarmAdministrators(tx: Tx, context: AppContext, { key, title, summary }: Alarm): Promise<void> {
  const [open] = await tx.db
    .select({ id: pages.id })
    .from(pages)
    .where(
      and(
        eq(pages.subjectKind, 'system'),
        eq(pages.key, pageKey(key)),
        or(inArray(pages.state, ['triggered', 'acknowledged']), and(eq(pages.state, 'exhausted'), gt(pages.createdAt, addMinutes(tx.now, -repeatMinutes)))),
      ),
    )
    .limit(1)
  if (open) return
  const id = newId()
  await openPage(tx, context, system, {
    ...{ id, teamId: null, subjectKind: 'system', subjectId: id, key: pageKey(key) },
    ...{ title: title.slice(0, 200), summary: summary.slice(0, 4_000), severity: 'critical' },
  })
}

/** Resolves the page about a cause that is gone. */
export async function resolveAlarm(tx: Tx, context: AppContext, key: string): Promise<void> {
  await resolvePages(tx, context, system, and(eq(pages.subjectKind, 'system'), eq(pages.key, pageKey(key))))
}
