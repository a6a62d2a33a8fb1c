import type { Incident, IncidentSummary } from '@tocsin/api'
import { and, asc, desc, eq, lt, ne } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, accountsThatActed, type Viewer } from '../access/index.ts'
import { alertsOfIncident } from '../alerts/index.ts'
import { customers, services } from '../directory/index.ts'
import { changedSince } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { counted } from '../kernel/counted.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { incidentCondition, readIncidentFilter } from './filter.ts'
import { handoversOf } from './handovers.ts'
import { findIncident, type IncidentRow, type Names, namesOf, stateOf } from './incident.ts'
import { blockers, destination, possibleTransitions } from './lifecycle.ts'
import { alertedSince } from './monitoring.ts'
import { suspectsOf } from './need-to-know.ts'
import { countNotes, latestNotes, maxNotes } from './notes.ts'
import { childrenOf, parentOf } from './parent.ts'
import { proposalsOf } from './proposals.ts'
import { segregationOf } from './segregation.ts'
import { incidentCustomers, incidentMembers, incidentServices, incidents, tasks } from './tables.ts'
import { latestOfTimeline } from './timeline.ts'
import type { ClosingConditions } from './transitions.ts'

const reference = (names: Names, id: string | null) => (id === null ? null : { id, name: names.get(id) ?? '' })

function summaryOf(incident: IncidentRow, names: Names): IncidentSummary {
  return {
    id: incident.id,
    number: incident.number,
    title: incident.title,
    status: incident.status,
    class: incident.class,
    severity: incident.severity,
    lead: reference(names, incident.leadId),
    owner: reference(names, incident.ownerId),
    openedAt: incident.openedAt,
    declaredAt: incident.declaredAt,
    closedAt: incident.closedAt,
    isRestricted: incident.isRestricted,
    isDemo: incident.isDemo,
    isExercise: incident.isExercise,
  }
}

const cursor = listCursor('incidents', z.tuple([z.int()]))
const isOpen = ne(incidents.status, 'closed')

/** One page of the incidents that a filter finds and the viewer may see, newest first. */
export async function listIncidents(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  query: { view: 'open' | 'all'; filter: string; limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
): Promise<{ items: IncidentSummary[]; next: string | null }> {
  const [after] = cursor.read(query.cursor) ?? []
  const filter = readIncidentFilter(query.filter)
  const rows = await reader.db
    .select()
    .from(incidents)
    .where(
      and(
        query.view === 'open' ? isOpen : undefined,
        incidentCondition(filter, viewer, reader.now),
        after === undefined ? undefined : lt(incidents.number, after),
        changedSince(incidents.id, query.updatedSince, 'within'),
        context.visibility.condition(viewer, incidents.id),
      ),
    )
    .orderBy(desc(incidents.number))
    .limit(query.limit + 1)
  const { items: shown, next } = cursor.page(rows, query.limit, row => [row.number])
  const names = await namesOf(
    reader,
    shown.flatMap(row => [row.leadId, row.ownerId]),
  )
  return { items: shown.map(row => summaryOf(row, names)), next }
}

/** How many incidents that a viewer may see are open, without exercises. */
export async function countOpenIncidents(reader: Reader, context: AppContext, viewer: Viewer): Promise<number> {
  return counted(
    reader,
    reader.db
      .select({ id: incidents.id })
      .from(incidents)
      .where(and(isOpen, eq(incidents.isExercise, false), context.visibility.condition(viewer, incidents.id))),
  )
}

/** Entries of its timeline that an incident is read with. */
const maxTimeline = 500

/** One incident with everything about it: of its timeline the latest part. */
export async function readIncident(reader: Reader, context: AppContext, conditions: ClosingConditions, viewer: Viewer, id: string): Promise<Incident> {
  const incident = await findIncident(reader, context, viewer, id)
  const alerts = await alertsOfIncident(reader, context, viewer, id)
  const affectedServices = await reader.db
    .select({ id: services.id, name: services.name, basis: incidentServices.basis })
    .from(incidentServices)
    .innerJoin(services, eq(services.id, incidentServices.serviceId))
    .where(eq(incidentServices.incidentId, id))
    .orderBy(asc(services.name))
  const affectedCustomers = await reader.db
    .select({ id: customers.id, name: customers.name, basis: incidentCustomers.basis, foundAt: incidentCustomers.foundAt })
    .from(incidentCustomers)
    .innerJoin(customers, eq(customers.id, incidentCustomers.customerId))
    .where(eq(incidentCustomers.incidentId, id))
    .orderBy(asc(customers.name))
  const members = await reader.db.select({ id: incidentMembers.personId }).from(incidentMembers).where(eq(incidentMembers.incidentId, id))
  const taskRows = await reader.db.select().from(tasks).where(eq(tasks.incidentId, id)).orderBy(asc(tasks.id))
  const notes = await latestNotes(reader, viewer, id, { limit: maxNotes })
  const latest = await latestOfTimeline(reader, context, viewer, id, alerts, { limit: maxTimeline })
  const names = await namesOf(reader, [
    incident.leadId,
    incident.ownerId,
    incident.communicationsId,
    incident.executiveId,
    ...members.map(member => member.id),
    ...taskRows.flatMap(task => [task.assigneeId, task.doneById, task.approvedById]),
  ])
  const done = await accountsThatActed(
    reader,
    taskRows.map(task => ({ id: task.id, personId: task.doneById })),
    'task.done',
  )
  return {
    ...summaryOf(incident, names),
    version: incident.version,
    summary: incident.summary,
    responsibility: incident.responsibility,
    severityCriteria: incident.severityCriteria,
    severityWhy: incident.severityWhy,
    communications: reference(names, incident.communicationsId),
    executive: reference(names, incident.executiveId),
    handovers: await handoversOf(reader, id),
    codename: incident.codename,
    legalHoldReason: incident.legalHoldReason,
    suspects: await suspectsOf(reader, id),
    members: members.map(member => ({ id: member.id, name: names.get(member.id) ?? '' })),
    approximateUsers: incident.approximateUsers,
    dataTouched: incident.dataTouched,
    monitorUntil: incident.monitorUntil,
    stoodDownAt: incident.stoodDownAt,
    round: incident.round,
    proposals: await proposalsOf(reader, id),
    ...(await segregationOf(reader, incident)),
    services: affectedServices,
    customers: affectedCustomers,
    tasks: taskRows.map(task => ({
      id: task.id,
      title: task.title,
      assignee: reference(names, task.assigneeId),
      dueOn: task.dueOn,
      doneAt: task.doneAt,
      doneBy: done.get(task.id) ?? reference(names, task.doneById)?.name ?? null,
      isBusinessImpacting: task.isBusinessImpacting,
      approvedBy: reference(names, task.approvedById)?.name ?? null,
      version: task.version,
    })),
    notes: notes.items.toReversed(),
    notesNext: notes.next,
    noteCount: await countNotes(reader, id),
    alerts,
    parent: await parentOf(reader, context, viewer, incident),
    children: await childrenOf(reader, context, viewer, id),
    timeline: latest.items.toReversed(),
    timelineNext: latest.next,
    nextActions: await nextActionsOf(reader, conditions, incident),
  }
}

async function nextActionsOf(reader: Reader, conditions: ClosingConditions, incident: IncidentRow): Promise<Incident['nextActions']> {
  const state = await stateOf(reader, incident)
  const actions: Incident['nextActions'] = []
  for (const action of possibleTransitions(state)) {
    const to = destination(action, state)
    if (to === undefined) continue
    const others = action === 'close' ? await conditions.against(reader, incident) : []
    const because = action === 'contain' && incident.status === 'recovered' ? await alertedSince(reader, incident.id) : []
    actions.push({ to, action, blockedBy: [...blockers(action, state, reader.now.slice(0, 10)), ...others], because })
  }
  return actions
}
