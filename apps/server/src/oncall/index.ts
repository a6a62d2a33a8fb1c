import { eq, isNull } from 'drizzle-orm'
import type { Bindings, House } from '../identity/index.ts'
import { record, system } from '../journal/index.ts'
import type { Tx } from '../platform/database.ts'
import { readBook } from './book.ts'
import { climbJob, climbPages } from './climb.ts'
import { alarmCoverage, coverageJob, waitForCoverage } from './coverage.ts'
import { bundleJob, type ReachData, reachFurther, reachJob, sendBundle } from './notify.ts'
import { wakeJob, wakePage } from './pages.ts'
import { oncallBindings } from './routes.ts'
import { pages, shiftRecords } from './tables.ts'
import { schedulesWith } from './time-off.ts'
import { type TurnsData, turnsJob, watchTurns } from './turns.ts'

export { acknowledgePagesAbout, pageTeam, reaches, resolvePagesAbout } from './pages.ts'
export { pages } from './tables.ts'
export { setUpOnCall } from './teams.ts'

export function openOncall(house: House): Bindings {
  house.jobs.register<{ pageId: string }>(climbJob, { run: (tx, { pageId }) => climbPages(tx, house, [pageId]) })
  house.jobs.register<ReachData>(reachJob, { run: (tx, data) => reachFurther(tx, house, [data]) })
  house.jobs.register<{ bundleId: string }>(bundleJob, { run: (tx, { bundleId }) => sendBundle(tx, house, bundleId) })
  house.jobs.register<{ pageId: string }>(wakeJob, { run: (tx, { pageId }) => wakePage(tx, house, pageId) })
  house.jobs.register<TurnsData>(turnsJob, { run: (tx, { scheduleId, since }) => watchTurns(tx, house, scheduleId, { since }) })
  house.jobs.register<object>(coverageJob, { run: tx => alarmCoverage(tx, house) })
  house.messenger.onDelivery('page', async (tx, delivery) => {
    const [page] = await tx.db.select({ withinId: pages.withinId }).from(pages).where(eq(pages.id, delivery.purposeId))
    await record(tx, {
      actor: system,
      type: delivery.state === 'sent' ? 'page.sent' : 'page.failed',
      subject: { kind: 'page', id: delivery.purposeId },
      within: page?.withinId ?? null,
      data: { messageId: delivery.messageId, address: delivery.address, receipt: delivery.receipt },
    })
  })
  // Somebody who leaves is never on call from that instant, and who is on call then is written down.
  house.followers.react('on-call', {
    'person.changed': async (tx, entry) => {
      const book = await readBook(tx)
      for (const id of schedulesWith(book, entry.subject.id)) await watchTurns(tx, house, id)
    },
  })
  return oncallBindings(house)
}

/** Sees to what must always be waited for: the look at coverage, and the next turn of schedules that nobody watches yet. */
export async function resumeOncall(tx: Tx, house: House): Promise<void> {
  await waitForCoverage(tx)
  const { rows } = await readBook(tx)
  const open = await tx.db.selectDistinct({ id: shiftRecords.scheduleId }).from(shiftRecords).where(isNull(shiftRecords.end))
  for (const id of rows.keys()) if (!open.some(one => one.id === id)) await watchTurns(tx, house, id)
}
