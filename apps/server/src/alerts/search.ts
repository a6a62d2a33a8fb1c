import { and, desc, eq, not, type SQL, sql } from 'drizzle-orm'
import { type AppContext, type Caller, maxFound, type SearchItem } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import { containsText } from '../kernel/filter.ts'
import { similarText } from './filter.ts'
import { alerts } from './tables.ts'

/** Fewer hits than these are filled up by similar ones. */
const few = 3

/** Alerts of which the number, the title, the description or an observable is searched for, newest first; the one of that number before all. */
export async function searchAlerts(reader: Reader, context: AppContext, caller: Caller, text: string): Promise<SearchItem[]> {
  const find = async (condition: SQL | undefined, limit: number, isApproximate = false): Promise<SearchItem[]> => {
    const rows = await reader.db
      .select({ id: alerts.id, number: alerts.number, title: alerts.title, severity: alerts.severity, status: alerts.status })
      .from(alerts)
      .where(and(condition, context.visibility.condition(caller, alerts.incidentId)))
      .orderBy(desc(alerts.number))
      .limit(limit)
    return rows.map(({ severity, status, ...alert }) => ({ ...alert, detail: `${severity}, ${status}`, isApproximate }))
  }
  const number = /^#?(\d{1,15})$/.exec(text)?.[1]
  const numbered = number === undefined ? [] : await find(eq(alerts.number, Number(number)), 1)
  const contains = containsText(alerts.searchText, [text])
  const containing = await find(and(contains, ...numbered.map(({ number }) => sql`${alerts.number} <> ${number}`)), maxFound - numbered.length)
  const exact = [...numbered, ...containing]
  // Numbers have no typing errors that their trigrams would tell.
  if (exact.length >= few || !/\p{L}{4}/u.test(text)) return exact
  return [...exact, ...(await find(and(similarText([text]), not(contains)), maxFound - exact.length, true))]
}
