import { digest } from '@tocsin/merkle'
import { and, asc, eq, inArray, type SQL } from 'drizzle-orm'
import { customers } from '../directory/index.ts'
import { type Actor, recordAll, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { notices, obligations } from './tables.ts'
import { textOf } from './text.ts'

/**
 * Discards notices of an incident that were drafted or approved and not sent, and puts on record what they said.
 * @param which of its obligations, or of their notices
 * @param actor who does not want them any more; without one nobody has to be told
 */
export async function discardNotices(tx: Tx, incidentId: string, which: SQL | undefined, actor: Actor = system): Promise<void> {
  const unsent = and(which, inArray(notices.state, ['draft', 'approved']))
  const discarded = await tx.db
    .select({ notice: notices, customer: customers.name })
    .from(notices)
    .innerJoin(obligations, eq(obligations.id, notices.obligationId))
    .innerJoin(customers, eq(customers.id, obligations.customerId))
    .where(unsent)
    .orderBy(asc(notices.id))
  if (discarded.length === 0) return
  await recordAll(
    tx,
    discarded.flatMap(({ notice, customer }) =>
      notice.state === 'draft' || notice.state === 'approved'
        ? [
            {
              ...{ actor, type: 'notice.discarded' as const, subject: { kind: 'notice' as const, id: notice.id }, within: incidentId },
              data: { customer, state: notice.state, sha256: digest(textOf(notice)) },
            },
          ]
        : [],
    ),
  )
  await tx.db.delete(notices).where(
    inArray(
      notices.id,
      discarded.map(({ notice }) => notice.id),
    ),
  )
}
