import { maxCsvRows } from '@tocsin/api'
import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { csvFile } from '../kernel/csv.ts'
import type { Produced } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { readIncidentFilter } from './filter.ts'
import { listIncidents } from './read.ts'

const header = [...['number', 'title', 'phase', 'class', 'severity', 'lead', 'owner'], ...['opened', 'declared', 'closed', 'restricted', 'exercise']]
const pageRows = 500
const yesNo = (is: boolean) => (is ? 'yes' : 'no')

/** The incidents that a filter finds, newest first. The export is on record before its first row leaves. */
export async function exportIncidents(context: AppContext, caller: Caller, { view, filter }: { view: 'open' | 'all'; filter: string }): Promise<Produced> {
  const fields = readIncidentFilter(filter)
  await context.database.transaction(tx =>
    record(tx, {
      ...{ actor: caller.actor, type: 'list.exported', subject: { kind: 'export', id: newId() } },
      data: { list: 'incidents', view, fields: [...new Set(fields.map(term => (term.kind === 'word' ? 'text' : term.field)))] },
    }),
  )
  async function* pages() {
    for (let cursor: string | undefined; ; ) {
      const { items, next } = await listIncidents(context.database.reader(), context, caller, { view, filter, limit: pageRows, cursor })
      yield items.map(incident => [
        ...[`INC-${incident.number}`, incident.title, incident.status, incident.class, incident.severity],
        ...[incident.lead?.name ?? null, incident.owner?.name ?? null, incident.openedAt, incident.declaredAt, incident.closedAt],
        ...[yesNo(incident.isRestricted), yesNo(incident.isExercise)],
      ])
      if (next === null) return
      cursor = next
    }
  }
  return csvFile('incidents.csv', header, pages(), maxCsvRows)
}
