import { createClient, type Incident, type IncidentSummary, type Note, type TimelineEntry } from '@tocsin/api'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}

const clientOf = (api: Api) => createClient({ origin: api.origin, retries: 2, ...(api.apiKey === undefined ? {} : { apiKey: api.apiKey }) })

async function allIncidents(api: Api, view: 'open' | 'all', filter = ''): Promise<IncidentSummary[]> {
  const call = clientOf(api)
  const found: IncidentSummary[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await call('incidents', { query: { view, filter, limit: 200, ...(cursor === undefined ? {} : { cursor }) } })
    found.push(...page.items)
    if (page.next === null) return found
    cursor = page.next
  }
}

const row = (incident: IncidentSummary) =>
  `${String(incident.number).padStart(5)}  ${(incident.severity ?? '—').padEnd(4)}  ${incident.status.padEnd(10)}  ${printable(incident.title)}${incident.lead ? `  (lead ${printable(incident.lead.name)})` : ''}`

/** Lists the incidents that a filter finds, newest first. */
export async function incidentList(output: Output, api: Api, withClosed: boolean, filter: string): Promise<void> {
  const incidents = await allIncidents(api, withClosed ? 'all' : 'open', filter)
  output.say(incidents.length === 0 ? [withClosed || filter !== '' ? 'No incidents.' : 'No open incidents.'] : incidents.map(row), incidents)
}

/** The whole timeline of an incident, oldest first. */
async function timelineOf(call: ReturnType<typeof clientOf>, incident: Incident): Promise<TimelineEntry[]> {
  const timeline = incident.timeline.toReversed()
  for (let cursor = incident.timelineNext; cursor !== null; ) {
    const page = await call('incidentTimeline', { params: { id: incident.id }, query: { limit: 200, cursor } })
    timeline.push(...page.items)
    cursor = page.next
  }
  return timeline.reverse()
}

/** All notes of an incident, oldest first. */
async function notesOf(call: ReturnType<typeof clientOf>, incident: Incident): Promise<Note[]> {
  const notes = incident.notes.toReversed()
  for (let cursor = incident.notesNext; cursor !== null; ) {
    const page = await call('incidentNotes', { params: { id: incident.id }, query: { limit: 200, cursor } })
    notes.push(...page.items)
    cursor = page.next
  }
  return notes.reverse()
}

/** Shows one incident with its timeline. */
export async function incidentShow(output: Output, api: Api, which: string): Promise<void> {
  const id = /^[0-9a-f-]{36}$/i.test(which) ? which : (await allIncidents(api, 'all')).find(incident => String(incident.number) === which.replace(/^#/, ''))?.id
  if (id === undefined) throw new CliProblem(`Incident ${which} does not exist, or this API key cannot access it.`)
  const call = clientOf(api)
  const read = await call('incident', { params: { id } })
  const incident = { ...read, notes: await notesOf(call, read), notesNext: null, timeline: await timelineOf(call, read), timelineNext: null }
  const lines = [
    `Incident ${incident.number}: ${printable(incident.title)}`,
    `${incident.status}, ${incident.class.replaceAll('-', ' ')}, ${incident.severityWhy ?? 'severity not assessed'}`,
    `Lead ${printable(incident.lead?.name ?? 'unassigned')}, owner ${printable(incident.owner?.name ?? 'unassigned')}`,
    ...(incident.customers.length > 0 ? [`Customers: ${incident.customers.map(customer => printable(customer.name)).join(', ')}`] : []),
    '',
    ...incident.timeline.map(
      entry =>
        `${entry.at}  ${printable(entry.by)}: ${printable(entry.sentence)}${entry.reason ? `\n    ${printable(entry.reason).replaceAll('\n', '\n    ')}` : ''}`,
    ),
  ]
  output.say(lines, incident)
}
