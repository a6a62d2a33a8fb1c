import { eq, inArray, isNull } from 'drizzle-orm'
import { type AppContext, type Bindings, people } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { shownAddress } from '../notify/channels/index.ts'
import type { Delivery } from '../notify/outbox.ts'
import { alarmCoverage, coverageJob, scheduleCoverageCheck } from '../scheduling/coverage.ts'
import { recordShifts, shiftChangeJob } from '../scheduling/shift-log.ts'
import { readSnapshot } from '../scheduling/snapshot.ts'
import { shiftRecords } from '../scheduling/tables.ts'
import { schedulesWith } from '../scheduling/time-off.ts'
import { escalateJob, escalatePages } from './escalation.ts'
import { bundleJob, failOver, notifyFurther, notifyJob, sendBundle } from './notifications.ts'
import { wakeJob, wakePage } from './pages.ts'
import { pagingBindings } from './routes.ts'
import { pageNotifications, pages } from './tables.ts'
import { pingHeartbeatUrl, runWatchdog, scheduleWatchdog, watchdogJob, watchdogPingJob } from './watchdog.ts'

export { listTeamChannels } from '../notify/team-channels.ts'
export { addOverride, addTemporary, saveSchedule } from '../scheduling/schedules.ts'
export { readSnapshot } from '../scheduling/snapshot.ts'
export { listOnCall, saveTeamOnCall, setUpOnCall } from '../scheduling/teams.ts'
export { addTimeOff, listTimeOff } from '../scheduling/time-off.ts'
export { mountCallbacks } from './callbacks/index.ts'
export { answerByMail } from './mail-replies.ts'
export { acknowledgePagesAbout, isAtLeast, pageTeam, resolvePagesAbout } from './pages.ts'
export { listPolicies, savePolicy } from './policies.ts'
export { pages } from './tables.ts'

export function openPaging(context: AppContext): Bindings {
  context.jobs.register(escalateJob, {
    runAll: (tx, all) =>
      escalatePages(
        tx,
        context,
        all.map(one => one.pageId),
      ),
  })
  context.jobs.register(notifyJob, { runAll: (tx, all) => notifyFurther(tx, context, all) })
  context.jobs.register(bundleJob, { run: (tx, { bundleId }) => sendBundle(tx, context, bundleId) })
  context.jobs.register(wakeJob, { run: (tx, { pageId }) => wakePage(tx, context, pageId) })
  context.jobs.register(shiftChangeJob, { run: (tx, { scheduleId, since }) => recordShifts(tx, context, [scheduleId], { since }) })
  context.jobs.register(coverageJob, { run: tx => alarmCoverage(tx, context) })
  for (const purpose of ['page', 'page-bundle']) context.messenger.onDelivery(purpose, recordDeliveries)
  context.jobs.register(watchdogJob, { run: tx => runWatchdog(tx, context) })
  context.jobs.registerCall(watchdogPingJob, { attempts: 3, before: (_, { signal }) => pingHeartbeatUrl(context, signal) })
  for (const purpose of ['page', 'page-bundle']) context.messenger.onTrouble(purpose, (tx, troubles) => failOver(tx, context, troubles))
  // Somebody who leaves is never on call from that instant, and who is on call then is written down.
  context.readers.react('on-call', {
    'person.changed': async (tx, entry) => {
      const snapshot = await readSnapshot(tx)
      await recordShifts(tx, context, schedulesWith(snapshot, entry.subject.id))
    },
  })
  return pagingBindings(context)
}

/** How messages went stands in the story of each of their pages: one, or those of a bundle. */
async function recordDeliveries(tx: Tx, deliveries: readonly Delivery[]): Promise<void> {
  const found = await tx.db
    .selectDistinctOn([pageNotifications.messageId, pages.id], {
      messageId: pageNotifications.messageId,
      pageId: pages.id,
      withinId: pages.withinId,
      person: people.name,
    })
    .from(pageNotifications)
    .innerJoin(pages, eq(pages.id, pageNotifications.pageId))
    .leftJoin(people, eq(people.id, pageNotifications.personId))
    .where(
      inArray(
        pageNotifications.messageId,
        deliveries.map(delivery => delivery.messageId),
      ),
    )
  const byMessage = Map.groupBy(found, one => one.messageId)
  await recordAll(
    tx,
    deliveries.flatMap(({ messageId, channel, address, state, receipt }) =>
      (byMessage.get(messageId) ?? []).map(({ pageId, withinId, person }) => ({
        actor: system,
        type: state === 'sent' ? 'page.sent' : 'page.failed',
        subject: { kind: 'page', id: pageId },
        within: withinId,
        data: { messageId, channel, person, address: shownAddress(channel, address), receipt },
      })),
    ),
  )
}

/** Sees to what must always be waited for: the look at coverage, and the next turn of schedules that nobody watches yet. */
export async function resumePaging(tx: Tx, context: AppContext): Promise<void> {
  await scheduleCoverageCheck(tx)
  await scheduleWatchdog(tx)
  const { rows } = await readSnapshot(tx)
  const open = await tx.db.selectDistinct({ id: shiftRecords.scheduleId }).from(shiftRecords).where(isNull(shiftRecords.end))
  const watched = new Set(open.map(one => one.id))
  await recordShifts(
    tx,
    context,
    [...rows.keys()].filter(id => !watched.has(id)),
  )
}
