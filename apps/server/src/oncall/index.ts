import { eq, inArray, isNull } from 'drizzle-orm'
import type { Bindings, House } from '../identity/index.ts'
import { recordAll, system } from '../journal/index.ts'
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
  house.messenger.onDelivery('page', async (tx, deliveries) => {
    const found = await tx.db
      .select({ id: pages.id, withinId: pages.withinId })
      .from(pages)
      .where(
        inArray(
          pages.id,
          deliveries.map(delivery => delivery.purposeId),
        ),
      )
    const within = new Map(found.map(page => [page.id, page.withinId]))
    await recordAll(
      tx,
      deliveries.map(({ messageId, purposeId, address, state, receipt }) => ({
        actor: system,
        type: state === 'sent' ? 'page.sent' : 'page.failed',
        subject: { kind: 'page', id: purposeId },
        within: within.get(purposeId) ?? null,
        data: { messageId, address, receipt },
      })),
    )
  })
  house.jobs.register<object>(auditJob, { run: tx => audit(tx, house) })
  house.jobs.register<object, void>(heartJob, { attempts: 3, before: () => beat(house), run: async () => undefined })
  house.messenger.onDelivery('page-bundle', async (tx, deliveries) => {
    for (const delivery of deliveries) await recordBundle(tx, delivery)
  })
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

/** How a bundle went belongs into the story of each of its pages. */
async function recordBundle(tx: Tx, { messageId, address, state, receipt }: Delivery): Promise<void> {
  const found = await tx.db
    .selectDistinctOn([pages.id], { id: pages.id, withinId: pages.withinId })
    .from(pageNotifications)
    .innerJoin(pages, eq(pages.id, pageNotifications.pageId))
    .where(eq(pageNotifications.messageId, messageId))
  await recordAll(
    tx,
    found.map(({ id, withinId }) => ({
      actor: system,
      type: state === 'sent' ? 'page.sent' : 'page.failed',
      subject: { kind: 'page', id },
      within: withinId,
      data: { messageId, address, receipt },
    })),
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
