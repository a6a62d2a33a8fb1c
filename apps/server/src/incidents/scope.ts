import type { Severity } from '@tocsin/api'
import { asc, eq } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson } from '../access/index.ts'
import { firstSecurityTeam, listServices, listTeams, ownerTeamOf, services } from '../directory/index.ts'
import { record, system } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, invalid } from '../kernel/problems.ts'
import { restrictedName, restrictedSummary } from '../notify/index.ts'
import { pagePeople, pageTeam, raiseNoTeam, resolvePagesAbout } from '../paging/index.ts'
import { assertVersion, type IncidentRow, lockOpenIncident, saveIncident } from './incident.ts'
import { incidentServices } from './tables.ts'

interface Listed {
  readonly id: string
  readonly basis: string
}

/** True when a list is what is stored already, in whatever order. */
function isSame(listed: readonly Listed[], before: readonly Listed[]): boolean {
  const was = new Map(before.map(each => [each.id, each.basis]))
  return listed.length === before.length && listed.every(each => was.get(each.id) === each.basis)
}

/** @throws AppProblem invalid where one is listed twice */
export function assertOnce(listed: readonly Listed[], field: string): void {
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
  if (incident.declaredAt !== null && input.services.length === 0)
    throw conflict('A declared incident must keep at least one affected service, whose teams are paged. Add the right one before you remove the other.')
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
      (service.engineeringTeam ?? service.securityTeam).id,
      `${service.name} is affected (${each.basis}). ${service.engineeringTeam ? 'Your team owns the service and carries out the response on it.' : 'The service has no engineering team yet: your team carries out the response on it.'}`,
    )
  }
  return true
}

/** What every page about an incident says. For a restricted one it contains no details. */
function pageOf(incident: IncidentRow, { title, brief, summary }: { readonly title: string; readonly brief: string; readonly summary: string }) {
  const { id, isRestricted, isDemo, isExercise } = incident
  return {
    ...({ subject: { kind: 'incident', id }, within: id, isNeutral: isRestricted, isDemo, isExercise } as const),
    title: isRestricted ? `${restrictedName(incident)}${brief}` : title,
    summary: isRestricted ? restrictedSummary : summary,
  } as const
}

/** Pages a team about an incident. About a restricted one nobody is paged by rota: its lead names whom. */
export async function pageAbout(tx: Tx, context: AppContext, incident: IncidentRow, teamId: string, sentence: string): Promise<void> {
  if (!incident.isRestricted) await pageByRota(tx, context, incident, teamId, sentence)
}

/** Pages the on-call of a team, which the lead of an incident names. */
export async function pageTeamAbout(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow, teamId: string): Promise<void> {
  const [team] = await listTeams(tx, [teamId])
  if (!team) throw invalid('teamId', 'must be the ID of an existing team')
  if (!(await pageByRota(tx, context, incident, teamId, `${caller.actor.name} asks ${team.name} to respond.`)))
    throw conflict(`${team.name} is being paged about this incident already.`)
}

/** Pages people whom the lead of an incident names, and nobody else. */
export async function pageNamed(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow, personIds: readonly string[]): Promise<void> {
  const title = `Incident ${incident.number}: ${incident.title}`
  const page = pageOf(incident, { title, brief: ' needs a response', summary: `${caller.actor.name} asks you to respond.` })
  // Each time for itself: others may be named later.
  await pagePeople(tx, context, { ...page, personIds, topic: `named ${newId()}`, severity: 'high' })
}

/** @returns false where the team is being paged about it already */
async function pageByRota(tx: Tx, context: AppContext, incident: IncidentRow, teamId: string, sentence: string): Promise<boolean> {
  const page = pageOf(incident, { title: `Incident ${incident.number}: ${incident.title}`, brief: ' needs a response', summary: sentence })
  return pageTeam(tx, context, { ...page, teamId, severity: 'high' })
}

const noLeadTopic = 'no-lead'

/** A restricted incident pages nobody by rota: while nobody who is still here leads it, the administrators are told by its number, so that one of them names a lead. */
export async function watchForLead(tx: Tx, context: AppContext, incident: IncidentRow): Promise<void> {
  const lead = incident.leadId === null ? undefined : await findPerson(tx, incident.leadId)
  if (!incident.isRestricted || lead?.isActive || incident.status === 'closed') return resolvePagesAbout(tx, context, system, incident.id, noLeadTopic)
  const page = pageOf(incident, { title: '', brief: ' has no lead', summary: '' })
  await pagePeople(tx, context, {
    ...{ ...page, personIds: [], topic: noLeadTopic, severity: 'critical' },
    summary: 'Nobody leads this restricted incident, and nobody else is paged about it. Open it by emergency access and assign a lead.',
  })
}

/** Who is paged about a restricted incident when its lead does not answer. */
export const besidesLead = ({ ownerId, communicationsId, executiveId }: IncidentRow): string[] => [
  ...new Set([ownerId, communicationsId, executiveId].flatMap(id => id ?? [])),
]

/** What somebody with a role in an incident is paged about. */
interface RolePage {
  readonly topic: string
  /** The title without any detail, as in `Incident 7 (restricted): notification obligation due`. */
  readonly brief: string
  readonly title: string
  readonly summary: string
  readonly severity: Severity
  /** Who is paged first; the team follows. */
  readonly personId: string | null
}

/** The team that answers for a role of an incident: of the first of its services, or else the first security team. */
async function teamFor(tx: Tx, incident: IncidentRow, role: 'lead' | 'owner'): Promise<string | undefined> {
  const [service] = await tx.db
    .select({ teamId: role === 'lead' ? services.securityTeamId : ownerTeamOf })
    .from(incidentServices)
    .innerJoin(services, eq(services.id, incidentServices.serviceId))
    .where(eq(incidentServices.incidentId, incident.id))
    .orderBy(asc(services.name))
    .limit(1)
  return service?.teamId ?? firstSecurityTeam(tx)
}

/**
 * Pages somebody about one topic of an incident; the team of its service that answers for the role follows when they do not answer.
 * For a restricted incident the page contains no details, and the others with a role there follow, then the administrators.
 */
export async function pageForRole(tx: Tx, context: AppContext, incident: IncidentRow, role: 'lead' | 'owner', page: RolePage): Promise<void> {
  const { topic, severity, personId: firstPersonId } = page
  const about = { ...pageOf(incident, { ...page, brief: `: ${page.brief}` }), ...{ topic, severity, firstPersonId } }
  if (incident.isRestricted) {
    const others = [...new Set([incident.leadId ?? [], besidesLead(incident)].flat())].filter(id => id !== firstPersonId)
    return pagePeople(tx, context, { ...about, personIds: others })
  }
  const teamId = await teamFor(tx, incident, role)
  if (teamId === undefined) return raiseNoTeam(tx, context)
  await pageTeam(tx, context, { ...about, teamId })
}

/** Pages the lead of an incident about one topic, or first somebody else who is named, as the executive sponsor. */
export async function pageLead(
  tx: Tx,
  context: AppContext,
  incident: IncidentRow,
  page: Omit<RolePage, 'severity' | 'personId'> & { readonly personId?: string },
): Promise<void> {
  await pageForRole(tx, context, incident, 'lead', { ...page, severity: 'critical', personId: page.personId ?? incident.leadId })
}

/** Pages the team that answers for a role which nobody has. About a restricted incident nobody is paged by rota. */
export async function pageForVacancy(tx: Tx, context: AppContext, incident: IncidentRow, role: 'lead' | 'owner', sentence: string): Promise<void> {
  if (incident.isRestricted) return
  const teamId = await teamFor(tx, incident, role)
  if (teamId === undefined) return raiseNoTeam(tx, context)
  await pageByRota(tx, context, incident, teamId, sentence)
}
