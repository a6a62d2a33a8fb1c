import { maxCsvRows } from '@tocsin/api'
import { print } from '@tocsin/filter'
import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { csvFile } from '../kernel/csv.ts'
import type { Produced } from '../kernel/http.ts'
import { newId } from '../kernel/ids.ts'
import { readAlertFilter } from './filter.ts'
import { listAlerts } from './queue.ts'

const header = [
  ...['number', 'kind', 'severity', 'status', 'title', 'service', 'source', 'count', 'first_seen', 'last_seen', 'assignee'],
  ...['disposition', 'reason', 'incident', 'observables', 'labels', 'exercise'],
]
const pageRows = 500

/** The alerts that a filter finds, newest first. The export is on record before its first row leaves. */
export async function exportAlerts(context: AppContext, caller: Caller, { view, filter }: { view: 'triage' | 'all'; filter: string }): Promise<Produced> {
  const fields = readAlertFilter(filter)
  await context.database.transaction(tx =>
    record(tx, {
      ...{ actor: caller.actor, type: 'list.exported', subject: { kind: 'export', id: newId() } },
      data: { list: 'alerts', view, fields: [...new Set(fields.map(term => (term.kind === 'word' ? 'text' : term.field)))] },
    }),
  )
  async function* pages() {
    for (let cursor: string | undefined; ; ) {
      const query = { view, filter: print(fields), sort: 'newest' as const, limit: pageRows, cursor }
      const { items, next, isApproximate } = await listAlerts(context.database.reader(), context, caller, query)
      // An export has what was asked for.
      if (isApproximate) return
      yield items.map(alert => [
        ...[alert.number, alert.kind, alert.severity, alert.status, alert.title, alert.service?.name ?? null, alert.source, alert.count],
        ...[alert.firstSeenAt, alert.lastSeenAt, alert.assignee?.name ?? null, alert.disposition?.value ?? null, alert.disposition?.reason ?? null],
        alert.incident === null ? null : `INC-${alert.incident.number}`,
        alert.observables.map(({ kind, value }) => `${kind}=${value}`).join('\n'),
        Object.entries(alert.labels)
          .map(([name, value]) => `${name}=${value}`)
          .join('\n'),
        alert.isExercise ? 'yes' : 'no',
      ])
      if (next === null) return
      cursor = next
    }
  }
  return csvFile('alerts.csv', header, pages(), maxCsvRows)
}
