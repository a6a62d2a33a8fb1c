import { type AlertInput, alertRowRoutes, findingRoutes, observablesOf, pageSimulationRoutes, alertRoutes as routes, silenceRoutes } from '@tocsin/api'
import { type AnyColumn, type SQL, sql } from 'drizzle-orm'
import {
  type AppContext,
  type Bindings,
  type Caller,
  command,
  nameOfCaller,
  numberIn,
  openCommand,
  query,
  recordRestrictedRead,
  uuidIn,
  workflow,
} from '../access/index.ts'
import { type Actor, onlyChanged } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { purgeActs, purgeActsJob, schedulePurge } from './acts.ts'
import { leaveAlerts } from './assignment.ts'
import { exportAlerts } from './csv.ts'
import { countFacets } from './facets.ts'
import { addHeartbeat, heartbeatJob, listHeartbeats, missHeartbeat, recordHeartbeat, removeHeartbeat } from './heartbeats.ts'
import { listOccurrences } from './occurrences.ts'
import { listAlerts, readAlert } from './queue.ts'
import { acceptedAlerts, findServices, pageSilenced, type Received, receiveAlerts } from './receive.ts'
import { listRows } from './rows.ts'
import { searchAlerts } from './search.ts'
import { addSilence, endSilence, listSilences, silenceOverJob } from './silences.ts'
import { simulateAlert } from './simulation.ts'
import { followStorm } from './storms.ts'
import { acknowledgeAlert, dismissAlert, followPage, releaseAlerts, reopenAlert } from './triage.ts'

export { actOn, beginUndo, keepAct, takeAct } from './acts.ts'
export { eraseAlerts } from './erase.ts'
export { alertsOfIncident, countAssigned, countQueue, readAlert } from './queue.ts'
export { type IncomingAlert, receiveAlerts, resolveBySource } from './receive.ts'
export { alerts } from './tables.ts'
export { closeAlertsOf, escalateAlerts, transferAlert, transferAlerts, unfitToEscalate } from './transfer.ts'
export { acknowledgeBySource } from './triage.ts'
export { lockAlerts, sorted } from './triaged.ts'
export { pageUnspoken, undo, undone } from './undo.ts'

/** Within what the dedup keys of a caller of the API are compared: two keys are two sources, which know nothing of each other. */
const scopeOf = (caller: Caller) => `api ${nameOfCaller(caller)}`

async function createAlerts(tx: Tx, context: AppContext, caller: Caller, body: AlertInput | readonly AlertInput[]) {
  const isBatch = Array.isArray(body)
  const inputs = (isBatch ? body : [body]) as readonly AlertInput[]
  const serviceIds = await findServices(
    tx,
    inputs.map(input => input.service),
    position => (isBatch ? `${position}.service` : 'service'),
  )
  const incoming = inputs.map(({ service: _, isExercise, ...input }, place) => ({
    ...{ place, isExercise },
    alert: { ...input, observables: observablesOf(input), serviceId: serviceIds[place] ?? null },
  }))
  const received: { readonly place: number; readonly answer: Received }[] = []
  for (const isExercise of [false, true]) {
    const own = incoming.filter(one => one.isExercise === isExercise)
    if (own.length === 0) continue
    const scope = isExercise ? `${scopeOf(caller)} exercise` : scopeOf(caller)
    const alerts = own.map(one => one.alert)
    const answers = await receiveAlerts(tx, context, caller.actor, scope, alerts, { isExercise })
    for (const [n, { place }] of own.entries()) received.push(...answers.slice(n, n + 1).map(answer => ({ place, answer })))
  }
  return { alerts: received.toSorted((one, other) => one.place - other.place).map(({ answer }) => answer) }
}

/** What a page about an alert speaks for; undefined where it is about something else. */
function spokenBy({
  subject,
  data: { about },
}: {
  readonly subject: { readonly id: string }
  readonly data: { readonly about: { readonly kind: string; readonly id: string } }
}) {
  return about.kind === 'alert' ? { pageId: subject.id, alertId: about.id } : undefined
}

/** A page that somebody had acknowledged escalates again. */
async function followEscalation(tx: Tx, entry: { readonly actor: Actor } & Parameters<typeof spokenBy>[0]): Promise<void> {
  const spoken = spokenBy(entry)
  if (spoken) await releaseAlerts(tx, entry.actor, spoken)
}

export function openAlerts(context: AppContext): Bindings {
  acceptedAlerts(context.metrics)
  context.readers.react('alerts', {
    'page.acknowledged': async (tx, entry) => {
      const spoken = spokenBy(entry)
      if (spoken) await followPage(tx, entry.actor, entry.data.personId, spoken)
    },
    'page.released': async (tx, entry) => {
      const spoken = spokenBy(entry)
      if (spoken) await releaseAlerts(tx, entry.actor, spoken, entry.data.personId)
    },
    'page.declined': async (tx, entry) => {
      const spoken = spokenBy(entry)
      if (spoken) await releaseAlerts(tx, entry.actor, spoken, entry.data.personId)
    },
    'page.escalated': followEscalation,
    'page.snooze-ended': followEscalation,
    'page.unacknowledged': followEscalation,
    'page.resolved': async (tx, entry) => {
      if (spokenBy(entry)) await followStorm(tx, entry.subject.id)
    },
  })
  context.visibility.belongs('alert', id => sql`select alert.incident_id from alerts alert where alert.id = ${id}`)
  // What held nothing but alerts of incidents was made for them, and says so in its reason and its matchers.
  const ofSilence = (id: AnyColumn | SQL) => sql`select held.incident_id from alerts held where held.silenced_by_id = ${id}
    and not exists (select 1 from alerts other where other.silenced_by_id = ${id} and other.incident_id is null)`
  context.visibility.belongs('silence', ofSilence)
  for (const type of ['alert.silenced', 'alert.silence-ended'] as const)
    context.visibility.names(type, data => ofSilence(uuidIn(sql`(${data} ->> 'silenceId')`)))
  context.visibility.names(
    'alert.dismissed',
    data => sql`select alert.incident_id from alerts alert where alert.number = ${numberIn(sql`(${data} ->> 'duplicateOf')`)}`,
  )
  const movedBetween = (data: AnyColumn | SQL) => sql`select ${uuidIn(sql`(${data} #>> '{from,id}')`)} union all select ${uuidIn(sql`(${data} #>> '{to,id}')`)}`
  context.visibility.names('alert.moved', movedBetween)
  context.departures.add((tx, actor, personId) => leaveAlerts(tx, context, actor, personId))
  context.jobs.register(purgeActsJob, { run: tx => purgeActs(tx) })
  context.jobs.keep(purgeActsJob, schedulePurge)
  context.jobs.register(silenceOverJob, { run: (tx, { silenceId }) => pageSilenced(tx, context, silenceId) })
  context.jobs.register(heartbeatJob, { run: (tx, { heartbeatId }) => missHeartbeat(tx, context, heartbeatId) })
  context.searches.add('alert', 'alerts:read', (reader, caller, text) => searchAlerts(reader, context, caller, text))
  return [
    query(findingRoutes.alertFacets, (reader, { caller, query }) => countFacets(reader, context, caller, query)),
    workflow(findingRoutes.alertsCsv, (database, { caller, query }) => exportAlerts({ ...context, database }, caller, query)),
    query(silenceRoutes.silences, async (reader, { caller, query: { updatedSince } }) =>
      onlyChanged(reader, await listSilences(reader, context, caller), updatedSince),
    ),
    command(silenceRoutes.addSilence, (tx, { caller, body }) => addSilence(tx, context, caller, body)),
    command(silenceRoutes.endSilence, (tx, { caller, params }) => endSilence(tx, context, caller, params.id)),
    query(silenceRoutes.heartbeats, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listHeartbeats(reader), updatedSince)),
    command(silenceRoutes.addHeartbeat, (tx, { caller, body }) => addHeartbeat(tx, context, caller, body)),
    command(silenceRoutes.removeHeartbeat, (tx, { caller, params }) => removeHeartbeat(tx, context, caller, params.id)),
    openCommand(silenceRoutes.heartbeat, (tx, { params }) => recordHeartbeat(tx, context, params.token)),
    openCommand(silenceRoutes.heartbeatByGet, (tx, { params }) => recordHeartbeat(tx, context, params.token)),
    command(routes.createAlerts, (tx, { caller, body }) => createAlerts(tx, context, caller, body)),
    query(routes.alerts, (reader, { caller, query }) => listAlerts(reader, context, caller, query)),
    command(routes.alert, async (tx, { caller, params }) => {
      const alert = await readAlert(tx, context, caller, params.id)
      await recordRestrictedRead(tx, context, caller, alert.incident?.id ?? null)
      return alert
    }),
    command(routes.alertOccurrences, async (tx, { caller, params, query }) => {
      const { page, incidentId } = await listOccurrences(tx, context, caller, params.id, query)
      await recordRestrictedRead(tx, context, caller, incidentId)
      return page
    }),
    query(alertRowRoutes.alertRows, (reader, { caller, query: asked }) => listRows(reader, context, caller, asked)),
    query(pageSimulationRoutes.simulatePage, (reader, { caller, params, query: asked }) => simulateAlert(reader, context, caller, params.id, asked)),
    command(routes.acknowledgeAlert, async (tx, { caller, params }) => {
      await acknowledgeAlert(tx, context, caller, params.id)
      return readAlert(tx, context, caller, params.id)
    }),
    command(routes.dismissAlert, async (tx, { caller, params, body }) => {
      await dismissAlert(tx, context, caller, params.id, body)
      return readAlert(tx, context, caller, params.id)
    }),
    command(routes.reopenAlert, async (tx, { caller, params, body }) => {
      await reopenAlert(tx, context, caller, params.id, body.reason)
      return readAlert(tx, context, caller, params.id)
    }),
  ]
}
