import { isAtLeast, type RouteInput, type incidentRoutes as routes, type Severity } from '@tocsin/api'
import { counted, when } from '@tocsin/events'
import { and, eq, gte, inArray, isNull, or } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { alerts } from '../alerts/index.ts'
import { services } from '../directory/index.ts'
import { type Entry, entriesAbout, record, system } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { assertVersion, lockOpenIncident, saveIncident } from './incident.ts'
import { pageLead } from './scope.ts'
import { incidentServices, incidents } from './tables.ts'
import { assertMonitorable, monitoringTopic } from './transitions.ts'

/** Alerts from this severity on are news to the lead, from a lower one where the service pages from that. */
const newsFrom: Severity = 'medium'
/** Alerts within this time of the first are one burst, of which the lead is paged once. */
const burstMinutes = 60
/** Alerts that a burst names. */
const maxNamed = 5

/** Extends the monitoring period of a recovered incident, or starts one where there was none. */
export async function extendMonitoring(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  { version, monitorUntil, reason }: RouteInput<typeof routes.extendMonitoring>['body'],
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, version)
  if (incident.status !== 'recovered')
    throw conflict(`An incident that is ${incident.status} is not monitored: a monitoring period begins when it is recovered.`)
  assertMonitorable(monitorUntil, tx.now)
  if (incident.monitorUntil !== null && monitorUntil <= incident.monitorUntil)
    throw invalid('monitorUntil', `must be after ${incident.monitorUntil}, until when it is monitored already`)
  await saveIncident(tx, incident, { monitorUntil })
  await record(tx, {
    ...{ actor: caller.actor, type: 'incident.monitoring-extended', subject: { kind: 'incident', id }, within: id },
    data: { monitorUntil, reason, before: { monitorUntil: incident.monitorUntil } },
  })
}

/** Types of entries that tell of an alert that was received. */
export const alertTypes: ReadonlySet<string> = new Set(['alert.received', 'alert.repeated'])

/** Alerts on services of recovered incidents that are monitored: their leads are paged, once for a burst. A few statements for a batch, and for each such incident. */
export async function watchMonitored(tx: Tx, context: AppContext, entries: readonly Entry[]): Promise<void> {
  const since = addMinutes(tx.now, -burstMinutes)
  // What is older when it is read is no news.
  const ids = entries.filter(({ at }) => at >= since).flatMap(({ subject }) => subject.id ?? [])
  if (ids.length === 0) return
  const found = await tx.db
    .select({
      ...{ incidentId: incidents.id, number: alerts.number, title: alerts.title, severity: alerts.severity, at: alerts.lastSeenAt },
      ...{ service: services.name, pageFrom: services.pageFrom },
    })
    .from(alerts)
    .innerJoin(services, eq(services.id, alerts.serviceId))
    .innerJoin(incidentServices, eq(incidentServices.serviceId, alerts.serviceId))
    .innerJoin(incidents, eq(incidents.id, incidentServices.incidentId))
    .where(
      and(
        inArray(alerts.id, ids),
        isNull(alerts.silencedById),
        // What belongs to another incident is its lead's.
        or(isNull(alerts.incidentId), eq(alerts.incidentId, incidents.id)),
        eq(alerts.isDemo, incidents.isDemo),
        eq(alerts.isExercise, incidents.isExercise),
        eq(incidents.status, 'recovered'),
        gte(incidents.monitorUntil, tx.now.slice(0, 10)),
      ),
    )
    .orderBy(alerts.number)
  const news = found.filter(({ severity, pageFrom }) => isAtLeast(severity, newsFrom) || isAtLeast(severity, pageFrom))
  for (const [incidentId, burst] of Map.groupBy(news, row => row.incidentId)) await tellLead(tx, context, incidentId, burst)
}

async function tellLead(
  tx: Tx,
  context: AppContext,
  id: string,
  burst: readonly { readonly number: number; readonly title: string; readonly service: string; readonly at: string }[],
): Promise<void> {
  const [incident] = await tx.db.select().from(incidents).where(eq(incidents.id, id)).for('update')
  if (incident?.status !== 'recovered') return
  const [before, told] = await sinceRecovery(tx, id)
  const since = burst.filter(({ at }) => before === undefined || at >= before.at)
  const last = told.at(-1)
  if (since.length === 0 || (last !== undefined && last.at > addMinutes(tx.now, -burstMinutes))) return
  await record(tx, {
    ...{ actor: system, type: 'incident.alerted-again', subject: { kind: 'incident', id }, within: id },
    data: { count: since.length, alerts: since.slice(0, maxNamed).map(({ number, title, service }) => ({ number, title, service })) },
  })
  const lines = since.slice(0, maxNamed).map(({ number, title, service }) => `Alert ${number} on ${service}: ${title}`)
  await pageLead(tx, context, incident, {
    topic: monitoringTopic,
    brief: 'alert on a monitored service',
    title: `Incident ${incident.number}: alert on a monitored service`,
    summary: `${counted(since.length, 'alert')} on services of incident ${incident.number}, which is recovered and monitored until ${incident.monitorUntil} UTC:\n${lines.join('\n')}\n\nIf the attacker has returned, move the incident back to contained.`,
  })
}

/** The last recovery of an incident, or its reopening, which begins a monitoring period of its own; and the bursts of alerts since then. */
async function sinceRecovery(reader: Reader, id: string): Promise<[Entry | undefined, Entry[]]> {
  const entries = await entriesAbout(reader, id, ['incident.recovered', 'incident.reopened', 'incident.alerted-again'])
  const recovered = entries.findLastIndex(({ type }) => type !== 'incident.alerted-again')
  return [entries[recovered], entries.slice(recovered + 1)]
}

/** Why a recovered incident should be contained again, in a sentence: there were alerts on its services. */
export async function alertedSince(reader: Reader, id: string): Promise<string[]> {
  const [, told] = await sinceRecovery(reader, id)
  const last = told.at(-1)
  return last === undefined
    ? []
    : [`Alerts on monitored services since the recovery, last at ${when(last.at, reader.now)}. Contain again if the attacker has returned.`]
}
