import { and, eq } from 'drizzle-orm'
import { recordAll, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { proposals } from './tables.ts'

/** Open proposals of an incident are void: what they were about has changed. */
export async function voidProposals(tx: Tx, incidentId: string): Promise<void> {
  const voided = await tx.db
    .update(proposals)
    .set({ state: 'void', decidedAt: tx.now })
    .where(and(eq(proposals.incidentId, incidentId), eq(proposals.state, 'open')))
    .returning()
  await recordAll(
    tx,
    voided.map(({ id, kind, change }) => ({
      ...{ actor: system, type: 'proposal.voided' as const, subject: { kind: 'proposal' as const, id }, within: incidentId },
      data: { kind, change },
    })),
  )
}
