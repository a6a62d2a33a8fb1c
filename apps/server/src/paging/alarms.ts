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

/** What names no service goes to the security team, and there is none: the administrators are told, once while that is so. */
export async function raiseNoTeam(tx: Tx, context: AppContext): Promise<void> {
  await context.alarms.raise(tx, {
    key: 'no-security-team',
    title: 'Somebody was to be paged: there is no security team',
    summary:
      'Alerts and incidents without a service page the security team, and there is none. Look at the triage queue and the open incidents. Add a security team under People, and set up its on-call schedule.',
  })
}

/** Resolves the page about a cause that is gone. */
export async function resolveAlarm(tx: Tx, context: AppContext, key: string): Promise<void> {
  await resolvePages(tx, context, system, and(eq(pages.subjectKind, 'system'), eq(pages.key, pageKey(key))))
}
