import { and, desc, eq, or } from 'drizzle-orm'
import { type AppContext, type Caller, maxFound, nearText, type SearchItem } from '../access/index.ts'
import type { Reader } from '../kernel/database.ts'
import { incidentText } from './filter.ts'
import { incidents } from './tables.ts'

/** Incidents, closed ones too, by number, title, summary or codename. */
export async function searchIncidents(reader: Reader, context: AppContext, caller: Caller, text: string): Promise<SearchItem[]> {
  const number = /^(?:inc-?|#)?(\d{1,9})$/i.exec(text)?.[1]
  const { isExact, isNear, order } = nearText(incidentText, text)
  const isNumber = number === undefined ? undefined : eq(incidents.number, Number(number))
  const rows = await reader.db
    .select({ id: incidents.id, number: incidents.number, title: incidents.title, status: incidents.status, severity: incidents.severity, isExact })
    .from(incidents)
    .where(and(or(isNumber, isNear), context.visibility.condition(caller, incidents.id)))
    .orderBy(...(isNumber === undefined ? [] : [desc(isNumber)]), ...order, desc(incidents.number))
    .limit(maxFound)
  return rows.map(({ status, severity, isExact, ...incident }) => ({
    ...incident,
    detail: severity === null ? status : `${severity}, ${status}`,
    isApproximate: !isExact && String(incident.number) !== number,
  }))
}
