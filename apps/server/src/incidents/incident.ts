import { includesRole } from '@tocsin/api'
import { and, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import { type AppContext, type Caller, findPerson, people, type Viewer } from '../access/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { changedMeanwhile, conflict, forbidden, invalid, notFound } from '../kernel/problems.ts'
import { withTheirAccounts } from '../notify/index.ts'
import type { IncidentState } from './lifecycle.ts'
import { incidents, tasks } from './tables.ts'
import { voidProposals } from './void-proposals.ts'

export type IncidentRow = typeof incidents.$inferSelect

/**
 * Who may see restricted incidents: those with a role in it or asked to take one over, and those named; service accounts to which that was granted. An administrator has to break the glass.
 * Nobody who is suspected there, nor a service account that they made.
 */
export function defineVisibility(context: AppContext): void {
  context.visibility.define({
    maySee: (viewer, id) => sql`not exists (select 1 from incidents guarded where guarded.id = ${id} and guarded.is_restricted and (not ${hasPart(viewer)}
      or exists (select 1 from incident_suspects suspect where suspect.incident_id = guarded.id and suspect.person_id = ${viewer.personId}::uuid)))`,
    suspects: id => sql`select suspect.person_id from incident_suspects suspect where suspect.incident_id = ${id}`,
  })
}

function hasPart(viewer: Viewer): SQL {
  const { personId, needToKnow } = viewer
  if (needToKnow !== 'own') return needToKnow === 'all' ? sql`true` : sql`false`
  const person = sql`${personId}::uuid`
  // A role that nobody has is null, which is nobody's.
  return sql`(coalesce(${person} in (guarded.lead_id, guarded.owner_id, guarded.communications_id, guarded.executive_id), false)
    or exists (select 1 from incident_members member where member.incident_id = guarded.id and member.person_id = ${person})
    or exists (select 1 from incident_handovers asked where asked.incident_id = guarded.id and asked.to_id = ${person}))`
}

/** @throws AppProblem forbidden for a service account that could not see what it makes restricted */
export function assertMayRestrict(caller: Caller, isRestricted: boolean | undefined): void {
  if (isRestricted === true && caller.needToKnow === 'none')
    throw forbidden('This service account may not see restricted incidents, and so it cannot make one.')
}

/** True for the lead of an incident, and for everybody with the role lead or above. */
export const mayLead = (caller: Caller, incident: Pick<IncidentRow, 'leadId'>): boolean =>
  includesRole(caller.role, 'lead') || (caller.actor.kind === 'person' && incident.leadId === caller.personId)

/** @throws AppProblem forbidden unless the caller leads the incident or has the role lead or above; `what` begins the sentence */
export function assertMayLead(caller: Caller, incident: Pick<IncidentRow, 'leadId'>, what: string): void {
  if (!mayLead(caller, incident)) throw forbidden(`Only the lead of this incident, or somebody with the role lead, can ${what}. Your role is ${caller.role}.`)
}

/** Who has a part in a restricted incident may see it, so parts are given by whoever leads it; where nobody does, by those who see it. */
export function assertMayGrant(caller: Caller, incident: IncidentRow, what: string): void {
  if (incident.isRestricted && incident.leadId !== null) assertMayLead(caller, incident, what)
}

/** The columns of the roles of an incident. */
export const roleColumns = { lead: 'leadId', owner: 'ownerId', communications: 'communicationsId', executive: 'executiveId' } as const

/** Those of some people who are suspects of an incident, or have another account with the mailbox of one. */
export async function suspectsAmong(reader: Reader, { visibility }: AppContext, id: string, personIds: readonly string[]): Promise<string[]> {
  const suspects = (await visibility.suspectsOf(reader, [id])).get(id)
  if (suspects === undefined) return []
  const accounts = new Set(await withTheirAccounts(reader, [...suspects]))
  return personIds.filter(personId => accounts.has(personId))
}

/** @throws AppProblem invalid, naming `field`, where one of these people is a suspect of the incident: they take no part in it */
export async function assertNoSuspects(tx: Tx, context: AppContext, id: string, personIds: readonly string[], field: string): Promise<void> {
  const [found] = await suspectsAmong(tx, context, id, personIds)
  if (found !== undefined) throw invalid(field, `must not name a suspect of this incident. ${(await findPerson(tx, found))?.name} is one`)
}

/** True for the executive sponsor of an incident, as long as they are marked as an executive. */
export async function isExecutiveSponsor(reader: Reader, incident: IncidentRow, { personId }: Caller): Promise<boolean> {
  return incident.executiveId === personId && (await findPerson(reader, personId))?.isExecutive === true
}

/** An incident that the viewer may see. @throws AppProblem not-found, also for one that is hidden from the viewer. */
export async function findIncident(reader: Reader, context: AppContext, viewer: Viewer, id: string): Promise<IncidentRow> {
  const [incident] = await reader.db
    .select()
    .from(incidents)
    .where(and(eq(incidents.id, id), context.visibility.condition(viewer, incidents.id)))
  if (!incident) throw notFound('incident')
  return incident
}

/** Locks an incident for a change: the caller may see it, and it is not closed. */
export async function lockOpenIncident(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<IncidentRow> {
  const incident = await lockIncident(tx, context, caller, id)
  if (incident.status === 'closed') throw conflict(`Incident ${incident.number} is closed and cannot be changed. Reopen it first.`)
  return incident
}

export async function lockIncident(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<IncidentRow> {
  const [incident] = await tx.db
    .select()
    .from(incidents)
    .where(and(eq(incidents.id, id), context.visibility.condition(caller, incidents.id)))
    .for('update')
  if (!incident) throw notFound('incident')
  return incident
}

/** @throws AppProblem conflict when what the caller read is not what is stored any more. */
export function assertVersion(stored: { version: number }, read: number): void {
  if (stored.version !== read) throw changedMeanwhile()
}

/** What a proposal is about: once one of these differs, it would change something else than what was proposed. */
const proposedOf = ['status', 'class', 'severity'] as const

/** Writes a change of an incident, and its next version. Open proposals that are of what was before are void. @returns it as it is now stored */
export async function saveIncident(tx: Tx, incident: IncidentRow, change: Partial<typeof incidents.$inferInsert>): Promise<IncidentRow> {
  const [saved] = await tx.db
    .update(incidents)
    .set({ ...change, version: incident.version + 1 })
    .where(eq(incidents.id, incident.id))
    .returning()
  if (!saved) throw notFound('incident')
  if (incident.declaredAt !== null && proposedOf.some(field => saved[field] !== incident[field])) await voidProposals(tx, incident.id)
  return saved
}

/** What the lifecycle needs to know. */
export async function stateOf(reader: Reader, incident: IncidentRow): Promise<IncidentState> {
  const open = await reader.db
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(eq(tasks.incidentId, incident.id), isNull(tasks.doneAt)))
  return {
    status: incident.status,
    class: incident.class,
    severity: incident.severity,
    declaredAt: incident.declaredAt,
    stoodDownAt: incident.stoodDownAt,
    monitorUntil: incident.monitorUntil,
    openTasks: open.length,
  }
}

export type Names = ReadonlyMap<string, string>

/** The names of people. */
export async function namesOf(reader: Reader, ids: readonly (string | null)[]): Promise<Names> {
  const wanted = [...new Set(ids.filter(id => id !== null))]
  if (wanted.length === 0) return new Map()
  const rows = await reader.db.select({ id: people.id, name: people.name }).from(people).where(inArray(people.id, wanted))
  return new Map(rows.map(row => [row.id, row.name]))
}
