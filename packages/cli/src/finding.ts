import { type Alert, type AlertField, alertFields, createClient, type IncidentField, incidentFields } from '@tocsin/api'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}

const clientOf = (api: Api) => createClient({ origin: api.origin, retries: 2, ...(api.apiKey === undefined ? {} : { apiKey: api.apiKey }) })

/** Alerts that one command lists. */
const maxListed = 10_000

/** What a list can be filtered by, one field a line. */
export function fieldLines(fields: readonly (AlertField | IncidentField)[]): string[] {
  return fields.map(field => {
    const use = field.kind === 'flag' ? `is:${field.name}` : `${field.name}${'isKeyed' in field ? '.' : ':'}${usageOf(field)}`
    return `${use.padEnd(42)}  ${field.description}`
  })
}

const usageOf = (field: AlertField | IncidentField) =>
  'values' in field ? field.values.join(',') : 'example' in field ? field.example : field.kind === 'person' ? 'me' : ''

/** Shows the fields of a filter. */
export const showFields = (output: Output, list: 'alerts' | 'incidents') => {
  const fields = list === 'alerts' ? alertFields : incidentFields
  output.say(fieldLines(fields), fields)
}

const row = (alert: Alert) =>
  `${String(alert.number).padStart(7)}  ${alert.severity.padEnd(8)}  ${alert.status.padEnd(12)}  ${alert.lastSeenAt.slice(0, 16)}  ${printable(alert.title)}${alert.service ? `  (${printable(alert.service.name)})` : ''}`

interface AlertListOptions {
  readonly filter: string
  readonly view: 'triage' | 'all'
  readonly sort?: 'severity' | 'newest' | 'oldest' | 'lastSeen' | 'count'
}

/** Lists alerts by a filter. */
export async function alertList(output: Output, api: Api, { filter, view, sort }: AlertListOptions): Promise<void> {
  const call = clientOf(api)
  const alerts: Alert[] = []
  let isApproximate = false
  for (let cursor: string | undefined; ; ) {
    const page = await call('alerts', {
      query: { filter, view, limit: 200, sort: sort ?? (view === 'triage' ? 'severity' : 'newest'), ...(cursor === undefined ? {} : { cursor }) },
    })
    alerts.push(...page.items)
    isApproximate = page.isApproximate
    if (page.next === null || alerts.length >= maxListed) {
      const more = page.next === null ? [] : [`Only the first ${maxListed.toLocaleString('en-US')} are listed. Narrow the filter for the others.`]
      const similar = isApproximate ? ['No alert contains the text. These have similar words:'] : []
      output.say(alerts.length === 0 ? ['No alerts.'] : [...similar, ...alerts.map(row), ...more], alerts)
      return
    }
    cursor = page.next
  }
}

/** Writes a list as CSV. */
export async function listCsv(api: Api, route: 'alertsCsv' | 'incidentsCsv', query: { filter: string; view: string }): Promise<void> {
  const reply = await clientOf(api).raw(route, { query })
  process.stdout.write(await reply.text())
}

/** Searches everything. */
export async function search(output: Output, api: Api, words: readonly string[]): Promise<void> {
  const q = words.join(' ').trim()
  if (q === '') throw new CliProblem('Say what to search for: tocsin search <words>.', 2)
  const found = await clientOf(api)('search', { query: { q } })
  const lines = found.groups.flatMap(({ kind, items, problem }) => [
    ...(problem === null ? [] : [`${kind}: ${problem}`]),
    ...items.map(item => {
      const number = item.number === null ? '' : kind === 'incident' ? `INC-${item.number}  ` : `#${item.number}  `
      return `${kind.padEnd(9)}  ${number}${printable(item.title)}${item.detail === '' ? '' : `  (${printable(item.detail)})`}${item.isApproximate ? '  ~' : ''}`
    }),
  ])
  output.say(lines.length === 0 ? ['Nothing found.'] : lines, found.groups)
}
