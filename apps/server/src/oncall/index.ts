import { eq } from 'drizzle-orm'
import type { Bindings, House } from '../identity/index.ts'
import { record, system } from '../journal/index.ts'
import { climbJob, climbPage } from './pages.ts'
import { oncallBindings } from './routes.ts'
import { pages } from './tables.ts'

export { acknowledgePagesAbout, pageTeam, reaches, resolvePagesAbout } from './pages.ts'
export { saveRota } from './rotas.ts'
export { pages } from './tables.ts'

export function openOncall(house: House): Bindings {
  house.jobs.register<{ pageId: string }>(climbJob, { run: (tx, { pageId }) => climbPage(tx, house, pageId) })
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
  return oncallBindings(house)
}
