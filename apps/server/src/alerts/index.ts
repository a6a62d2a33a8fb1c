import { type AlertInput, alertRoutes as routes, silenceRoutes } from '@tocsin/api'
import { act, type Bindings, type Caller, type House, openAct, question } from '../identity/index.ts'
import type { Tx } from '../platform/database.ts'
import { addHeartbeat, heartbeatJob, listHeartbeats, missBeat, removeHeartbeat, takeBeat } from './heartbeats.ts'
import { listAlerts, readAlert } from './queue.ts'
import { findServices, pageSilenced, receiveAlerts } from './receive.ts'
import { addSilence, endSilence, listSilences, silenceOverJob } from './silences.ts'
import { acknowledgeAlert, dismissAlert, followPage, releaseAlert } from './triage.ts'

export { alertsOfIncident, readAlert } from './queue.ts'
export { type IncomingAlert, receiveAlerts, resolveBySource } from './receive.ts'
export { alerts } from './tables.ts'
export { acknowledgeBySource, closeAlertsOf, escalateAlerts } from './triage.ts'

/** The scope of dedup keys that come in by the API. */
export const apiScope = 'api'

async function createAlerts(tx: Tx, house: House, caller: Caller, body: AlertInput | readonly AlertInput[]) {
  const isBatch = Array.isArray(body)
  const inputs = (isBatch ? body : [body]) as readonly AlertInput[]
  const serviceIds = await findServices(
    tx,
    inputs.map(input => input.service),
    position => (isBatch ? `${position}.service` : 'service'),
  )
  const incoming = inputs.map(({ service: _, ...input }, position) => ({ ...input, serviceId: serviceIds[position] ?? null }))
  return { alerts: await receiveAlerts(tx, house, caller.actor, apiScope, incoming) }
}

export function openAlerts(house: House): Bindings {
  house.followers.react('alerts', {
    'page.acknowledged': async (tx, entry) => {
      const about = entry.data.about as { kind: string; id: string }
      if (about.kind === 'alert') await followPage(tx, entry.actor, String(entry.data.personId), about.id)
    },
    'page.handed-back': async (tx, entry) => {
      const about = entry.data.about as { kind: string; id: string }
      if (about.kind === 'alert') await releaseAlert(tx, about.id, String(entry.data.personId))
    },
  })
  house.jobs.register<{ silenceId: string }>(silenceOverJob, { run: (tx, { silenceId }) => pageSilenced(tx, house, silenceId) })
  house.jobs.register<{ heartbeatId: string }>(heartbeatJob, { run: (tx, { heartbeatId }) => missBeat(tx, house, heartbeatId) })
  return [
    question(silenceRoutes.silences, reader => listSilences(reader)),
    act(silenceRoutes.addSilence, (tx, { caller, body }) => addSilence(tx, caller, body)),
    act(silenceRoutes.endSilence, (tx, { caller, params }) => endSilence(tx, caller, params.id)),
    question(silenceRoutes.heartbeats, reader => listHeartbeats(reader)),
    act(silenceRoutes.addHeartbeat, (tx, { caller, body }) => addHeartbeat(tx, house, caller, body)),
    act(silenceRoutes.removeHeartbeat, (tx, { caller, params }) => removeHeartbeat(tx, house, caller, params.id)),
    openAct(silenceRoutes.beat, (tx, { params }) => takeBeat(tx, house, params.token)),
    openAct(silenceRoutes.beatByGet, (tx, { params }) => takeBeat(tx, house, params.token)),
    act(routes.createAlerts, (tx, { caller, body }) => createAlerts(tx, house, caller, body)),
    question(routes.alerts, (reader, { caller, query }) => listAlerts(reader, house, caller, query)),
    question(routes.alert, (reader, { caller, params }) => readAlert(reader, house, caller, params.id)),
    act(routes.acknowledgeAlert, async (tx, { caller, params }) => {
      await acknowledgeAlert(tx, house, caller, params.id)
      return readAlert(tx, house, caller, params.id)
    }),
    act(routes.dismissAlert, async (tx, { caller, params, body }) => {
      await dismissAlert(tx, house, caller, params.id, body)
      return readAlert(tx, house, caller, params.id)
    }),
  ]
}
