import { eq, inArray, isNull } from 'drizzle-orm'
import { type Bindings, type House, people } from '../identity/index.ts'
import { recordAll, system } from '../journal/index.ts'
import { shownAddress } from '../platform/channels/index.ts'
import type { Tx } from '../platform/database.ts'
import type { Delivery } from '../platform/messages.ts'
import { audit, auditJob, beat, heartJob, waitForAudit } from './auditor.ts'
import { readBook } from './book.ts'
import { climbJob, climbPages } from './climb.ts'
import { alarmCoverage, coverageJob, waitForCoverage } from './coverage.ts'
import { bundleJob, divert, type ReachData, reachFurther, reachJob, sendBundle } from './notify.ts'
import { wakeJob, wakePage } from './pages.ts'
import { oncallBindings } from './routes.ts'
import { pageNotifications, pages, shiftRecords } from './tables.ts'
import { schedulesWith } from './time-off.ts'
import { type TurnsData, turnsJob, watchTurns } from './turns.ts'

export { readBook } from './book.ts'
export { mountCallbacks } from './callbacks/index.ts'
export { answerByMail } from './mail-replies.ts'
export { acknowledgePagesAbout, pageTeam, reaches, resolvePagesAbout } from './pages.ts'
export { listPolicies, savePolicy } from './policies.ts'
export { addOverride, addTemporary, saveSchedule } from './schedules.ts'
export { pages } from './tables.ts'
export { listTeamChannels } from './team-channels.ts'
export { listOnCall, saveTeamOnCall, setUpOnCall } from './teams.ts'
export { addTimeOff, listTimeOff } from './time-off.ts'

export function openOncall(house: House): Bindings {
  house.jobs.register<{ pageId: string }>(climbJob, {
    runAll: (tx, all) =>
      climbPages(
        tx,
        house,
        all.map(one => one.data.pageId),
      ),
  })
  house.jobs.register<ReachData>(reachJob, {
    runAll: (tx, all) =>
      reachFurther(
        tx,
        house,
        all.map(one => one.data),
      ),
  })
  house.jobs.register<{ bundleId: string }>(bundleJob, { run: (tx, { bundleId }) => sendBundle(tx, house, bundleId) })
  house.jobs.register<{ pageId: string }>(wakeJob, { run: (tx, { pageId }) => wakePage(tx, house, pageId) })
  house.jobs.register<TurnsData>(turnsJob, { run: (tx, { scheduleId, since }) => watchTurns(tx, house, [scheduleId], { since }) })
  house.jobs.register<object>(coverageJob, { run: tx => alarmCoverage(tx, house) })
  for (const purpose of ['page', 'page-bundle']) house.messenger.onDelivery(purpose, recordDeliveries)
  house.jobs.register<object>(auditJob, { run: tx => audit(tx, house) })
  house.jobs.register<object, void>(heartJob, { attempts: 3, before: () => beat(house), run: async () => undefined })
  for (const purpose of ['page', 'page-bundle']) house.messenger.onTrouble(purpose, (tx, trouble) => divert(tx, house, trouble))
  // Somebody who leaves is never on call from that instant, and who is on call then is written down.
  house.followers.react('on-call', {
    'person.changed': async (tx, entry) => {
      const book = await readBook(tx)
      await watchTurns(tx, house, schedulesWith(book, entry.subject.id))
    },
  })
  return oncallBindings(house)
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
export async function resumeOncall(tx: Tx, house: House): Promise<void> {
  await waitForCoverage(tx)
  await waitForAudit(tx)
  const { rows } = await readBook(tx)
  const open = await tx.db.selectDistinct({ id: shiftRecords.scheduleId }).from(shiftRecords).where(isNull(shiftRecords.end))
  const watched = new Set(open.map(one => one.id))
  await watchTurns(
    tx,
    house,
    [...rows.keys()].filter(id => !watched.has(id)),
  )
}
