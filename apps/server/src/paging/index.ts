import { eq, inArray } from 'drizzle-orm'
import { type AppContext, type Bindings, people } from '../access/index.ts'
import { recordAll, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import type { Delivery } from '../kernel/messenger.ts'
import { shownAddress, stalledChannelsJob } from '../notify/index.ts'
import { wakePage } from './acknowledge.ts'
import { alarmAdministrators, resolveAlarm } from './alarms.ts'
import { escalateJob, escalatePages } from './escalation.ts'
import { bundleJob, failOver, notifyFurther, notifyJob, sendBundle } from './notifications.ts'
import { wakeJob } from './pages.ts'
import { pagingBindings } from './routes.ts'
import { pageNotifications, pages } from './tables.ts'
import { targetUsage } from './targets.ts'
import { definePageVisibility } from './visibility.ts'
import { type Audits, escalationAudits, pingHeartbeatUrl, runWatchdog, scheduleWatchdog, watchdogJob, watchdogPingJob } from './watchdog.ts'

export { acknowledgePagesOf, unacknowledgePagesOf } from './acknowledge.ts'
export { raiseNoTeam } from './alarms.ts'
export { openAnswerDesk } from './answers.ts'
export { erasePagesAbout, pagesAbout } from './erase.ts'
export { heartbeatSettings } from './heartbeat-settings.ts'
export { mountLinkPage } from './link-page/mount.ts'
export { maxUrgentPerMinute } from './notifications.ts'
export { type PageRequest, pagePeople, pageTeam, pageTeams, resolvePagesAbout, resolvePagesOf, topicOf } from './pages.ts'
export { endRota, movePagesInto, movePagesOut, redactPages, takePagesFrom } from './pages-within.ts'
export { listPolicies, savePolicy } from './policies.ts'
export { countUnacknowledged, latestPagesAbout } from './read-pages.ts'
export { type Rise, raisePages } from './rising-severity.ts'
export { saveTeamOnCall, setUpOnCall } from './settings.ts'
export { simulatePage } from './simulation.ts'
export { pages } from './tables.ts'
export { Audits } from './watchdog.ts'

export function openPaging(context: AppContext, audits: Audits): Bindings {
  context.alarms.fill({ raise: (tx, alarm) => alarmAdministrators(tx, context, alarm), resolve: (tx, key) => resolveAlarm(tx, context, key) })
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
  for (const purpose of ['page', 'page-bundle']) context.messenger.onDelivery(purpose, recordDeliveries)
  escalationAudits(context.metrics)
  audits.add(stalledChannelsJob)
  context.jobs.register(watchdogJob, { run: tx => runWatchdog(tx, context, audits) })
  context.jobs.keep(watchdogJob, scheduleWatchdog)
  context.jobs.registerCall(watchdogPingJob, { attempts: 3, before: (_, { signal }) => pingHeartbeatUrl(context, signal) })
  for (const purpose of ['page', 'page-bundle']) context.messenger.onTrouble(purpose, (tx, troubles) => failOver(tx, context, troubles))
  context.usages.add('schedule', (reader, id) => targetUsage(reader, target => target.kind === 'schedule' && target.scheduleId === id, 'schedule'))
  context.usages.add('team-channel', (reader, id) => targetUsage(reader, target => target.kind === 'channel' && target.channelId === id, 'channel'))
  definePageVisibility(context)
  return pagingBindings(context)
}

/** Delivery results appear in the timeline of each page of a message: one, or those of a bundle. */
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
      // Of what a server reports later, only that it did not arrive matters to a page.
      (state === 'delivered' || state === 'relayed' || state === 'delayed' ? [] : (byMessage.get(messageId) ?? [])).map(({ pageId, withinId, person }) => ({
        actor: system,
        type: state === 'sent' ? 'page.sent' : 'page.failed',
        subject: { kind: 'page', id: pageId },
        within: withinId,
        data: { messageId, channel, person, address: shownAddress(channel, address), receipt },
      })),
    ),
  )
}

/** The watchdog runs within a minute, also where an earlier process with a clock that ran ahead put it off. */
export async function resumePaging(tx: Tx): Promise<void> {
  await scheduleWatchdog(tx)
}
