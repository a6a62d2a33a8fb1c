import { type Alert, type Responsibility, type RouteInput, type incidentRoutes as routes, severities } from '@tocsin/api'
import { titleOnRecord } from '@tocsin/events'
import { and, eq, inArray } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { alerts, escalateAlerts, transferAlert } from '../alerts/index.ts'
import { listServices, teamMembers } from '../directory/index.ts'
import { markRecords, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { storable } from '../kernel/text.ts'
import { newCodename } from './codenames.ts'
import { assertMayRestrict, type IncidentRow, lockOpenIncident, saveIncident } from './incident.ts'
import { assertMayLeave } from './legal-hold.ts'
import { listServicesAffected, pageAbout, watchForLead } from './scope.ts'
import { incidentMembers, incidentServices, incidents } from './tables.ts'

interface Opening {
  readonly title: string
  readonly reason: string
  readonly responsibility: Responsibility
  readonly serviceIds: readonly string[]
  readonly alertIds: readonly string[]
  readonly isRestricted: boolean
  readonly codename?: string | undefined
  readonly isExercise: boolean
}

/** Opens a suspected incident: reasonable suspicion starts the work. The teams that are responsible for its services are paged. */
export async function openIncident(tx: Tx, context: AppContext, caller: Caller, input: Opening): Promise<string> {
  assertMayRestrict(caller, input.isRestricted)
  const id = newId()
  const known = new Map((await listServices(tx)).map(service => [service.id, service]))
  if (input.serviceIds.some(serviceId => !known.has(serviceId))) throw invalid('serviceIds', 'must be IDs of services in the catalog')
  // What touches demo data is demo data, so that all of it can be removed in one step; what begins with an alert is what that is.
  const marked = await marksOf(tx, input.alertIds)
  const isDemo = input.alertIds.length > 0 ? marked.isDemo : input.serviceIds.some(serviceId => known.get(serviceId)?.isDemo === true)
  const isExercise = input.isExercise || marked.isExercise
  const codename = input.isRestricted ? (input.codename ?? newCodename()) : null
  const [incident] = await tx.db
    .insert(incidents)
    .values({
      id,
      title: input.title,
      status: 'suspected',
      class: 'suspected',
      responsibility: input.responsibility,
      dataTouched: { customerData: 'unknown', personalData: 'unknown', description: '' },
      openedAt: tx.now,
      isRestricted: input.isRestricted,
      codename,
      isDemo,
      isExercise,
    })
    .returning()
  if (!incident) throw new Error('an inserted incident is returned')
  if (isDemo || isExercise || input.isRestricted) await markRecords(tx, [id], { isDemo, isExercise, isRestricted: input.isRestricted })
  if (caller.actor.kind !== 'key') await tx.db.insert(incidentMembers).values({ incidentId: id, personId: caller.personId })
  await record(tx, {
    actor: caller.actor,
    type: 'incident.opened',
    subject: { kind: 'incident', id },
    within: id,
    data: {
      ...{ number: incident.number, title: input.title, reason: input.reason, responsibility: input.responsibility, isRestricted: input.isRestricted },
      ...(codename === null ? {} : { codename }),
    },
  })
  const escalated = await escalateAlerts(tx, context, caller, input.alertIds, incident, input)
  const bases = new Map(input.serviceIds.map(serviceId => [serviceId, 'Selected when the incident was opened']))
  for (const alert of escalated)
    if (alert.serviceId !== null && !bases.has(alert.serviceId)) bases.set(alert.serviceId, `Alert ${alert.number}: ${alert.title}`)
  const listed = [...bases].map(([serviceId, basis]) => ({ id: serviceId, basis }))
  if (listed.length > 0) await listServicesAffected(tx, context, caller, incident, listed)
  await findLead(
    tx,
    context,
    caller,
    incident,
    listed.flatMap(({ id: serviceId }) => known.get(serviceId)?.securityTeam.id ?? []),
    escalated.length > 0,
  )
  return id
}

/** Whether any of these alerts belongs to the demo, or to an exercise. */
async function marksOf(reader: Reader, alertIds: readonly string[]): Promise<{ isDemo: boolean; isExercise: boolean }> {
  const rows = await reader.db
    .select({ isDemo: alerts.isDemo, isExercise: alerts.isExercise })
    .from(alerts)
    .where(inArray(alerts.id, [...alertIds]))
  return { isDemo: rows.some(row => row.isDemo), isExercise: rows.some(row => row.isExercise) }
}

/** The opener leads, when on the security team, already working on its alert, or where it is restricted, so that nobody is paged by rota; otherwise the security team is paged, and who answers leads. */
async function findLead(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  incident: IncidentRow,
  securityTeamIds: readonly string[],
  hasAlerts: boolean,
): Promise<void> {
  const isPerson = caller.actor.kind !== 'key'
  const outside = []
  for (const teamId of new Set(securityTeamIds)) if (!isPerson || !(await isMember(tx, teamId, caller.personId))) outside.push(teamId)
  // A service account leads nothing.
  if (!isPerson || (!hasAlerts && !incident.isRestricted && outside.length > 0)) {
    for (const teamId of outside) await pageAbout(tx, context, incident, teamId, `${caller.actor.name} opened a suspected incident: ${incident.title}`)
    return watchForLead(tx, context, incident)
  }
  await saveIncident(tx, incident, { leadId: caller.personId })
  await record(tx, {
    actor: caller.actor,
    type: 'incident.role-assigned',
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    data: { role: 'lead', personId: caller.personId, name: caller.actor.name, before: { personId: incident.leadId, name: null } },
  })
}

async function isMember(reader: Reader, teamId: string, personId: string): Promise<boolean> {
  const found = await reader.db
    .select({ id: teamMembers.personId })
    .from(teamMembers)
    .where(and(eq(teamMembers.teamId, teamId), eq(teamMembers.personId, personId)))
  return found.length > 0
}

type Escalated = Pick<Alert, 'id' | 'number' | 'title' | 'severity'> & { readonly serviceId: string | null }

/** Escalates an alert to a new suspected incident, or to the one named. */
export async function escalateAlert(tx: Tx, context: AppContext, caller: Caller, alert: Alert, input: Escalation): Promise<string> {
  return escalateToIncident(tx, context, caller, [{ ...alert, serviceId: alert.service?.id ?? null }], input)
}

interface Escalation {
  readonly incidentId?: string | undefined
  readonly title?: string | undefined
  readonly responsibility: Responsibility
  readonly reason: string
}

/** Escalates alerts to one new suspected incident, or to the one named: in as many statements for many as for one. */
export async function escalateToIncident(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  alerts: readonly Escalated[],
  { incidentId, title, responsibility, reason }: Escalation,
): Promise<string> {
  const alertIds = alerts.map(({ id }) => id)
  if (incidentId === undefined)
    return openIncident(tx, context, caller, {
      ...{ title: title ?? titleOf(alerts), reason, responsibility, alertIds },
      ...{ serviceIds: [], isRestricted: false, isExercise: false },
    })
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  await escalateAlerts(tx, context, caller, alertIds, incident, { responsibility, reason })
  await addServicesOf(tx, context, caller, alerts, incident)
  return incident.id
}

/** Of several alerts the most severe names the incident. The title of an incident is not erased: it quotes no reporter. */
function titleOf(alerts: readonly Escalated[]): string {
  const [worst] = alerts.toSorted((one, other) => severities.indexOf(other.severity) - severities.indexOf(one.severity) || one.number - other.number)
  const more = alerts.length > 1 ? ` and ${alerts.length - 1} more` : ''
  return `${storable(titleOnRecord(worst?.title ?? ''), 200 - more.length)}${more}`
}

/** The services of alerts that join an incident are affected by it. */
async function addServicesOf(tx: Tx, context: AppContext, caller: Caller, alerts: readonly Escalated[], incident: IncidentRow): Promise<void> {
  const affected = await tx.db.select().from(incidentServices).where(eq(incidentServices.incidentId, incident.id))
  const bases = new Map(affected.map(each => [each.serviceId, each.basis]))
  for (const { serviceId, number, title } of alerts) if (serviceId !== null && !bases.has(serviceId)) bases.set(serviceId, `Alert ${number}: ${title}`)
  if (bases.size === affected.length) return
  await listServicesAffected(
    tx,
    context,
    caller,
    incident,
    [...bases].map(([id, basis]) => ({ id, basis })),
  )
  await saveIncident(tx, incident, {})
}

/** Moves an alert that was escalated to the wrong incident to another one, or back to triage: both incidents are open, and the caller may see both. */
export async function moveAlert(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  alert: Alert,
  { incidentId, reason }: RouteInput<typeof routes.moveAlert>['body'],
): Promise<void> {
  if (alert.incident === null) throw conflict('This alert is not part of an incident. Escalate it instead.')
  const fromId = alert.incident.id
  if (incidentId === fromId) throw invalid('incidentId', 'must be another incident than the one that the alert is part of')
  // In one order, so that two who move alerts between the same incidents do not wait for each other.
  const locked = new Map<string, IncidentRow>()
  for (const id of [fromId, ...(incidentId === null ? [] : [incidentId])].sort()) locked.set(id, await lockOpenIncident(tx, context, caller, id))
  const from = locked.get(fromId)
  if (from !== undefined) await assertMayLeave(tx, from)
  const to = incidentId === null ? null : (locked.get(incidentId) ?? null)
  await transferAlert(tx, context, caller, alert.id, alert.incident, to, reason)
  if (to !== null) await addServicesOf(tx, context, caller, [{ ...alert, serviceId: alert.service?.id ?? null }], to)
}
