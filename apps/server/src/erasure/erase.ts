import type { ErasureInput } from '@tocsin/api'
import type { AppContext, FoundToErase } from '../access/index.ts'
import { assertNotHeld } from '../incidents/index.ts'
import { type Erasing, eraseTexts } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { eraseAnswers } from '../kernel/idempotency.ts'

/**
 * Erases personal data in one transaction: from the tables with all copies, from the audit log, and from the answers that are kept for repeated requests.
 * @returns how many fields of the audit log were erased
 * @throws AppProblem conflict where an incident under legal hold has some of it
 */
export async function erase(
  tx: Tx,
  { erasables }: AppContext,
  kind: ErasureInput['kind'],
  { ids, within, others = [] }: FoundToErase,
  erasing: Omit<Erasing, 'kind' | 'records'>,
): Promise<number> {
  await assertNotHeld(
    tx,
    within.flatMap(id => id ?? []),
  )
  const erasable = erasables.of(kind)
  await erasable.erase(tx, ids, { at: tx.now, by: erasing.actor.name, reason: erasing.reason })
  const fields = await eraseTexts(tx, { ...erasing, kind, records: ids.length }, [{ kind: erasable.subject, ids }, ...others], within)
  await eraseAnswers(tx)
  return fields
}
