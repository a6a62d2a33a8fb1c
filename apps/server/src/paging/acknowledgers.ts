import { accountsThatActed, findPerson } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import type { pages } from './tables.ts'

type Acknowledged = Pick<typeof pages.$inferSelect, 'id' | 'acknowledgedById'>

/** Of some pages those that a service account acknowledged, with its name. */
export const accountsThatAcknowledged = (reader: Reader, all: readonly Acknowledged[]): Promise<ReadonlyMap<string, string>> =>
  accountsThatActed(
    reader,
    all.map(({ id, acknowledgedById }) => ({ id, personId: acknowledgedById })),
    'page.acknowledged',
    'drill.acknowledged',
  )

/** The name of who acknowledged a page: a person or a service account; null for nobody. */
export async function acknowledgerOf(reader: Reader, page: Acknowledged): Promise<string | null> {
  if (page.acknowledgedById === null) return null
  const accounts = await accountsThatAcknowledged(reader, [page])
  return accounts.get(page.id) ?? (await findPerson(reader, page.acknowledgedById))?.name ?? null
}
