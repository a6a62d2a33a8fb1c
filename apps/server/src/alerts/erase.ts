import { erasedText } from '@tocsin/merkle'
import { inArray, type SQLWrapper, sql } from 'drizzle-orm'
import type { Tx } from '../kernel/database.ts'
import { erasePagesAbout } from '../paging/index.ts'
import { alertOccurrences, alerts } from './tables.ts'

/** What the title of an alert says of a report besides its quotation. */
const withoutQuotation = (title: SQLWrapper) => sql`coalesce(substring(${title} from '^Report R-[2-9A-Z]{8}') || ': ', '') || ${erasedText}::text`

/** Erases what alerts say that came of reports, with their pages and the messages about these. */
export async function eraseAlerts(tx: Tx, ids: readonly string[]): Promise<void> {
  const erased = { description: erasedText, observables: [], links: [], labels: {} }
  await tx.db
    .update(alertOccurrences)
    .set({ ...erased, title: withoutQuotation(alertOccurrences.title) })
    .where(inArray(alertOccurrences.alertId, [...ids]))
  await tx.db
    .update(alerts)
    .set({ ...erased, title: withoutQuotation(alerts.title) })
    .where(inArray(alerts.id, [...ids]))
  await erasePagesAbout(tx, ids)
}
