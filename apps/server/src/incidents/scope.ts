import { asc, eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { customers, firstSecurityTeam, listCustomers, listServices, services } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { restrictedSummary } from '../notify/index.ts'
import { pageTeam, raiseNoTeam } from '../paging/index.ts'
import { assertVersion, type IncidentRow, lockOpenIncident, saveIncident } from './incident.ts'
import { incidentCustomers, incidentServices } from './tables.ts'
import type { DeclarationEffects } from './transitions.ts'

interface Listed {
  readonly id: string
  readonly basis: string
}

/** True when a list is what is stored already, in whatever order. */
function isSame(listed: readonly Listed[], before: readonly Listed[]): boolean {
  const was = new Map(before.map(each => [each.id, each.basis]))
  return listed.length === before.length && listed.every(each => was.get(each.id) === each.basis)
}

function assertOnce(listed: readonly Listed[], field: string): void {
  if (new Set(listed.map(each => each.id)).size !== listed.length) throw invalid(field, 'must not contain duplicates')
}

/** Sets the affected services, each with the basis for listing it. The engineering team of a new one is paged. */
export async function setAffectedServices(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  id: string,
  input: { version: number; services: readonly Listed[] },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  if (await listServicesAffected(tx, context, caller, incident, input.services)) await saveIncident(tx, incident, {})
}

/** Lists the services of an incident, old ones replaced, and pages the engineering teams of the new ones. @returns false where that changes nothing */
export async function listServicesAffected(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow, listed: readonly Listed[]): Promise<boolean> {
  assertOnce(listed, 'services')
  const known = new Map((await listServices(tx)).map(service => [service.id, service]))
  if (listed.some(each => !known.has(each.id))) throw invalid('services', 'must be IDs of services in the catalog')
  const before = await tx.db
    .select({ id: incidentServices.serviceId, basis: incidentServices.basis })
    .from(incidentServices)
    .where(eq(incidentServices.incidentId, incident.id))
  if (isSame(listed, before)) return false
  await tx.db.delete(incidentServices).where(eq(incidentServices.incidentId, incident.id))
  if (listed.length > 0) await tx.db.insert(incidentServices).values(listed.map(each => ({ incidentId: incident.id, serviceId: each.id, basis: each.basis })))
  await record(tx, {
    actor: caller.actor,
    type: 'incident.services-set',
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    data: {
      services: listed.map(({ id, basis }) => ({ id, name: known.get(id)?.name ?? '', basis })),
      before: { services: before.map(({ id, basis }) => ({ id, name: known.get(id)?.name ?? '', basis })) },
    },
  })
  for (const each of listed) {
    const service = known.get(each.id)
    if (!service || before.some(old => old.id === each.id)) continue
    await pageAbout(
      tx,
      context,
      incident,
      service.engineeringTeam.id,
      `${service.name} is affected (${each.basis}). Your team owns the service and carries out the response on it.`,
    )
  }
  return true
}

/** Pages a team about an incident. For a restricted one the page contains no details. */
export async function pageAbout(tx: Tx, context: AppContext, incident: IncidentRow, teamId: string, sentence: string): Promise<void> {
  const { isRestricted } = incident
  await pageTeam(tx, context, {
    teamId,
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    title: isRestricted ? `Incident ${incident.number} (restricted) needs a response` : `Incident ${incident.number}: ${incident.title}`,
    summary: isRestricted ? restrictedSummary : sentence,
    isNeutral: isRestricted,
    severity: 'high',
    isDemo: incident.isDemo,
    isExercise: incident.isExercise,
  })
}

/** What the lead of an incident is paged about. */
interface LeadPage {
  readonly topic: string
  /** The title without any detail, as in `Incident 7 (restricted): notification obligation due`. */
  readonly brief: string
  readonly title: string
  readonly summary: string
}

/**
 * Pages the lead of an incident about one topic; the security team of its service follows when the lead does not answer.
 * For a restricted incident the page contains no details.
 */
export async function pageLead(tx: Tx, context: AppContext, incident: IncidentRow, page: LeadPage): Promise<void> {
  const [service] = await tx.db
    .select({ teamId: services.securityTeamId })
    .from(incidentServices)
    .innerJoin(services, eq(services.id, incidentServices.serviceId))
    .where(eq(incidentServices.incidentId, incident.id))
    .orderBy(asc(services.name))
    .limit(1)
  const teamId = service?.teamId ?? (await firstSecurityTeam(tx))
  if (teamId === undefined) return raiseNoTeam(tx, context)
  await pageTeam(tx, context, {
    teamId,
    subject: { kind: 'incident', id: incident.id },
    within: incident.id,
    topic: page.topic,
    firstPersonId: incident.leadId,
    title: incident.isRestricted ? `Incident ${incident.number} (restricted): ${page.brief}` : page.title,
    summary: incident.isRestricted ? restrictedSummary : page.summary,
    isNeutral: incident.isRestricted,
    severity: 'critical',
    isDemo: incident.isDemo,
    isExercise: incident.isExercise,
  })
}

/** Sets the affected customers, each with the basis for listing it. A declared incident keeps those it has: their deadlines are running. */
export async function setAffectedCustomers(
  tx: Tx,
  context: AppContext,
  effects: DeclarationEffects,
  caller: Caller,
  id: string,
  input: { version: number; customers: readonly Listed[] },
): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, id)
  assertVersion(incident, input.version)
  assertOnce(input.customers, 'customers')
  const known = new Map(
    (
      await listCustomers(
        tx,
        input.customers.map(each => each.id),
      )
    ).map(customer => [customer.id, customer.name]),
  )
  if (input.customers.some(each => !known.has(each.id))) throw invalid('customers', 'must be IDs of customers in the catalog')
  const before = await tx.db
    .select({ id: customers.id, name: customers.name, basis: incidentCustomers.basis })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, id))
  if (isSame(input.customers, before)) return
  const listed = new Set(input.customers.map(each => each.id))
  if (incident.declaredAt !== null && before.some(old => !listed.has(old.id)))
    throw conflict('Customers cannot be removed from a declared incident, because their notification deadlines are running. Waive the notification instead.')
  await tx.db.delete(incidentCustomers).where(eq(incidentCustomers.incidentId, id))
  if (input.customers.length > 0)
    await tx.db.insert(incidentCustomers).values(input.customers.map(each => ({ incidentId: id, customerId: each.id, basis: each.basis })))
  const saved = await saveIncident(tx, incident, {})
  await record(tx, {
    actor: caller.actor,
    type: 'incident.customers-set',
    subject: { kind: 'incident', id },
    within: id,
    data: {
      customers: input.customers.map(each => ({ id: each.id, name: known.get(each.id) ?? '', basis: each.basis })),
      before: { customers: before },
    },
  })
  await effects.follow(tx, saved)
}
