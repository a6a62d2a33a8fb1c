import {
  alertActRoutes,
  erasureRoutes,
  factRoutes,
  findingRoutes,
  proposalRoutes,
  incidentRoleRoutes as roleRoutes,
  incidentRoutes as routes,
  segregationRoutes,
} from '@tocsin/api'
import { and, eq, or, sql } from 'drizzle-orm'
import { type AppContext, type Bindings, type Caller, command, numberIn, query, recordRestrictedRead, uuidIn, workflow } from '../access/index.ts'
import { readAlert } from '../alerts/index.ts'
import { ownerTeamOf, services, teams } from '../directory/index.ts'
import { onlyChanged } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { topicOf } from '../paging/index.ts'
import { setAffectedCustomers } from './affected-customers.ts'
import { actOnAlerts, undoAlertAct } from './alert-acts.ts'
import { defineClass, listClassDefinitions } from './classes.ts'
import { exportIncidents } from './csv.ts'
import { approveFact, correctFact, listFacts, readFacts, rejectFact, stateFact } from './dated-facts.ts'
import { leaveRoles } from './departed.ts'
import { tellOfAccount } from './emergency-access.ts'
import { defineErasables } from './erase.ts'
import { assessIncident, changeIncident, classifyIncident, setMembers } from './facts.ts'
import { roleOfTopic } from './handovers.ts'
import { defineVisibility } from './incident.ts'
import { setLegalHold } from './legal-hold.ts'
import { alertTypes, extendMonitoring, watchMonitored } from './monitoring.ts'
import { listMyTasks } from './my-tasks.ts'
import { breakGlass, emergencyAccessJob, endEmergencyAccess, pageIncident, setSuspects } from './need-to-know.ts'
import { addNote, changeNote, listNotes } from './notes.ts'
import { escalateAlert, moveAlert, openIncident } from './open.ts'
import { makeParent, unlinkChild } from './parent.ts'
import { approveProposal, propose, rejectProposal, withdrawProposal } from './proposals.ts'
import { listIncidents, readIncident } from './read.ts'
import { acceptRole, assignRole, declineRole, takeAskedRole, takeVacantRole, withdrawHandover } from './roles.ts'
import { rollUp } from './roll-up.ts'
import { setAffectedServices } from './scope.ts'
import { searchIncidents } from './search.ts'
import { readPolicy, reviewException, setPolicy, unseenActs, verifyRecovery } from './segregation.ts'
import { incidentServices } from './tables.ts'
import { remindOfTasks, scheduleTaskReminders, taskReminderJob } from './task-reminders.ts'
import { addTask, approveTask, changeTask } from './tasks.ts'
import { listTimeline } from './timeline.ts'
import {
  type ClosingConditions,
  closeIncident,
  containIncident,
  type DeclarationEffects,
  declareIncident,
  eradicateIncident,
  recoverIncident,
  reopenIncident,
} from './transitions.ts'
import { defineWorkload } from './workload.ts'

export { countAwaitingInIncidents, countLed } from './awaiting.ts'
export { awareAt, listFacts } from './dated-facts.ts'
export { assertNoSuspects, findIncident, type IncidentRow, isExecutiveSponsor, lockOpenIncident } from './incident.ts'
export { assertNotHeld } from './legal-hold.ts'
export { renderMarkdown } from './markdown.ts'
export { allNotes } from './notes.ts'
export { allProposals } from './proposals.ts'
export { countOpenIncidents, readIncident } from './read.ts'
export { incidentRecords } from './records.ts'
export { reopenForObligation } from './reopen.ts'
export { pageLead } from './scope.ts'
export { separateFinishing } from './segregation.ts'
export { incidentCustomers, incidents } from './tables.ts'
export { selectionOf, wholeTimeline } from './timeline.ts'
export { ClosingConditions, type CustomerObligations, DeclarationEffects } from './transitions.ts'

/** The roles that a team fills in an incident: by the sides of the affected services that it answers, or else by its kind. */
async function rolesOf(reader: Reader, incidentId: string, teamId: string): Promise<readonly ('lead' | 'owner')[]> {
  const affected = await reader.db
    .select({ security: services.securityTeamId, engineering: ownerTeamOf })
    .from(incidentServices)
    .innerJoin(services, eq(services.id, incidentServices.serviceId))
    .where(and(eq(incidentServices.incidentId, incidentId), or(eq(services.securityTeamId, teamId), eq(ownerTeamOf, teamId))))
  const sides = [
    ...(affected.some(({ security }) => security === teamId) ? ['lead' as const] : []),
    ...(affected.some(({ engineering }) => engineering === teamId) ? ['owner' as const] : []),
  ]
  if (sides.length > 0) return sides
  const [team] = await reader.db.select({ kind: teams.kind }).from(teams).where(eq(teams.id, teamId))
  return team === undefined ? [] : [team.kind === 'security' ? 'lead' : 'owner']
}

/** `conditions` collects what other modules have against closing an incident, `effects` what they do when it is declared, or what they look at changes. */
export function openIncidents(context: AppContext, conditions: ClosingConditions, effects: DeclarationEffects): Bindings {
  context.searches.add('incident', 'incidents:read', (reader, caller, text) => searchIncidents(reader, context, caller, text))
  defineVisibility(context)
  defineErasables(context)
  context.visibility.names(
    'incident.made-parent',
    data => sql`select child.id from incidents child join jsonb_array_elements_text(
      case jsonb_typeof(${data} -> 'incidents') when 'array' then ${data} -> 'incidents' else '[]' end) named (number) on child.number = ${numberIn(sql`named.number`)}`,
  )
  context.visibility.names(
    'incident.linked-to-parent',
    data => sql`select ${uuidIn(sql`(${data} ->> 'parentId')`)}
    union all select parent.id from incidents parent where parent.number = ${numberIn(sql`(${data} ->> 'by')`)}`,
  )
  context.visibility.names('incident.child-unlinked', data => sql`select ${uuidIn(sql`(${data} ->> 'incidentId')`)}`)
  context.visibility.names('incident.unlinked-from-parent', data => sql`select ${uuidIn(sql`(${data} ->> 'parentId')`)}`)
  defineWorkload(context)
  context.departures.add((tx, actor, personId) => leaveRoles(tx, context, actor, personId))
  context.jobs.register(emergencyAccessJob, { run: (tx, { incidentId, personId }) => endEmergencyAccess(tx, incidentId, personId) })
  context.readers.react('incidents', {
    'api-key.created': async (tx, { subject, data }) => {
      if (data.seesRestricted === true) await tellOfAccount(tx, context, { id: subject.id, name: data.name })
    },
    'page.acknowledged': async (tx, entry) => {
      const { about, teamId, personId } = entry.data
      // A service account leads nothing, and its maker did not answer.
      if (about.kind !== 'incident' || entry.actor.kind === 'key') return
      const asked = roleOfTopic(await topicOf(tx, entry.subject.id))
      if (asked !== undefined) return takeAskedRole(tx, context, entry.actor, about.id, asked, personId)
      if (teamId === null) return
      for (const role of await rolesOf(tx, about.id, teamId)) await takeVacantRole(tx, context, entry.actor, about.id, role, personId)
    },
  })
  context.jobs.register(taskReminderJob, { run: (tx, data) => remindOfTasks(tx, context, data) })
  context.jobs.keep(taskReminderJob, scheduleTaskReminders)
  context.readers.follow('monitoring', (tx, entries) => watchMonitored(tx, context, entries), { types: alertTypes })
  context.visibility.names(
    'incident.alerted-again',
    data => sql`select alert.incident_id from alerts alert join jsonb_array_elements(
      case jsonb_typeof(${data} -> 'alerts') when 'array' then ${data} -> 'alerts' else '[]' end) named (about) on alert.number = ${numberIn(sql`(named.about ->> 'number')`)}`,
  )
  conditions.add(unseenActs)
  const read = (tx: Tx, caller: Caller, id: string) => readIncident(tx, context, conditions, caller, id)
  const after = async (tx: Tx, caller: Caller, id: string, change: Promise<void>) => {
    await change
    return read(tx, caller, id)
  }
  const withFacts = async (tx: Tx, id: string, change: Promise<void>) => {
    await change
    return listFacts(tx, id)
  }
  return [
    workflow(findingRoutes.incidentsCsv, (database, { caller, query }) => exportIncidents({ ...context, database }, caller, query)),
    query(routes.incidents, (reader, { caller, query }) => listIncidents(reader, context, caller, query)),
    command(routes.incident, async (tx, { caller, params }) => {
      const incident = await read(tx, caller, params.id)
      await recordRestrictedRead(tx, context, caller, params.id)
      return incident
    }),
    command(routes.incidentTimeline, async (tx, { caller, params, query }) => {
      const page = await listTimeline(tx, context, caller, params.id, query)
      await recordRestrictedRead(tx, context, caller, params.id)
      return page
    }),
    command(routes.incidentNotes, async (tx, { caller, params, query }) => {
      const page = await listNotes(tx, context, caller, params.id, query)
      await recordRestrictedRead(tx, context, caller, params.id)
      return page
    }),
    command(routes.openIncident, async (tx, { caller, body }) => read(tx, caller, await openIncident(tx, context, caller, body))),
    command(routes.escalateAlert, async (tx, { caller, params, body }) =>
      read(tx, caller, await escalateAlert(tx, context, caller, await readAlert(tx, context, caller, params.id), body)),
    ),
    command(alertActRoutes.actOnAlerts, (tx, { caller, body }) => actOnAlerts(tx, context, caller, body)),
    command(alertActRoutes.undoAlertAct, (tx, { caller, params }) => undoAlertAct(tx, context, caller, params.id)),
    command(routes.moveAlert, async (tx, { caller, params, body }) => {
      await moveAlert(tx, context, caller, await readAlert(tx, context, caller, params.id), body)
      return readAlert(tx, context, caller, params.id)
    }),
    command(routes.changeIncident, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, changeIncident(tx, context, effects, caller, params.id, body)),
    ),
    command(routes.assessSeverity, (tx, { caller, params, body }) => after(tx, caller, params.id, assessIncident(tx, context, caller, params.id, body))),
    command(routes.classifyIncident, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, classifyIncident(tx, context, effects, caller, params.id, body)),
    ),
    command(routes.makeParent, (tx, { caller, params, body }) => after(tx, caller, params.id, makeParent(tx, context, effects, caller, params.id, body))),
    command(routes.unlinkChild, (tx, { caller, params, body }) => after(tx, caller, params.id, unlinkChild(tx, context, effects, caller, params.id, body))),
    command(routes.rollUp, async (tx, { caller, params }) => {
      const { view, restrictedIds } = await rollUp(tx, context, caller, params.id)
      for (const id of [params.id, ...restrictedIds]) await recordRestrictedRead(tx, context, caller, id)
      return view
    }),
    command(roleRoutes.assignRole, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, assignRole(tx, context, caller, params.id, params.role, body)),
    ),
    command(roleRoutes.acceptRole, (tx, { caller, params }) => after(tx, caller, params.id, acceptRole(tx, context, caller, params.id, params.role))),
    // Without a reply: whoever declines may not see a restricted incident any more.
    command(roleRoutes.declineRole, (tx, { caller, params, body }) => declineRole(tx, context, caller, params.id, params.role, body.reason)),
    command(roleRoutes.withdrawHandover, (tx, { caller, params }) =>
      after(tx, caller, params.id, withdrawHandover(tx, context, caller, params.id, params.role)),
    ),
    command(routes.setMembers, (tx, { caller, params, body }) => after(tx, caller, params.id, setMembers(tx, context, caller, params.id, body))),
    command(routes.setSuspects, (tx, { caller, params, body }) => after(tx, caller, params.id, setSuspects(tx, context, caller, params.id, body))),
    command(routes.pageIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, pageIncident(tx, context, caller, params.id, body))),
    command(routes.breakGlass, async (tx, { caller, params, body }) => read(tx, caller, await breakGlass(tx, context, caller, params.id, body.reason))),
    command(routes.setAffectedServices, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, setAffectedServices(tx, context, caller, params.id, body)),
    ),
    command(routes.setAffectedCustomers, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, setAffectedCustomers(tx, context, effects, caller, params.id, body)),
    ),
    command(routes.declareIncident, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, declareIncident(tx, context, effects, caller, params.id, body)),
    ),
    command(routes.containIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, containIncident(tx, context, caller, params.id, body))),
    command(routes.eradicateIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, eradicateIncident(tx, context, caller, params.id, body))),
    command(routes.recoverIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, recoverIncident(tx, context, caller, params.id, body))),
    command(routes.extendMonitoring, (tx, { caller, params, body }) => after(tx, caller, params.id, extendMonitoring(tx, context, caller, params.id, body))),
    command(routes.closeIncident, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, closeIncident(tx, context, conditions, caller, params.id, body)),
    ),
    command(routes.reopenIncident, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, reopenIncident(tx, context, effects, caller, params.id, body)),
    ),
    command(proposalRoutes.propose, (tx, { caller, params, body }) => after(tx, caller, params.id, propose(tx, context, caller, params.id, body))),
    command(proposalRoutes.approveProposal, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, approveProposal(tx, context, conditions, effects, caller, params.id, params.proposalId, body.sha256)),
    ),
    command(proposalRoutes.rejectProposal, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, rejectProposal(tx, context, caller, params.id, params.proposalId, body.reason)),
    ),
    command(proposalRoutes.withdrawProposal, (tx, { caller, params }) =>
      after(tx, caller, params.id, withdrawProposal(tx, context, caller, params.id, params.proposalId)),
    ),
    query(segregationRoutes.segregationPolicy, reader => readPolicy(reader)),
    command(segregationRoutes.setSegregationPolicy, (tx, { caller, body }) => setPolicy(tx, caller, body)),
    command(segregationRoutes.verifyRecovery, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, verifyRecovery(tx, context, caller, params.id, body)),
    ),
    command(segregationRoutes.reviewException, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, reviewException(tx, context, caller, params.id, params.exceptionId, body.reason)),
    ),
    command(routes.addTask, (tx, { caller, params, body }) => after(tx, caller, params.id, addTask(tx, context, caller, params.id, body))),
    command(routes.changeTask, (tx, { caller, params, body }) => after(tx, caller, params.id, changeTask(tx, context, caller, params.id, params.taskId, body))),
    command(routes.approveTask, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, approveTask(tx, context, caller, params.id, params.taskId, body.version)),
    ),
    command(routes.addNote, (tx, { caller, params, body }) => after(tx, caller, params.id, addNote(tx, context, caller, params.id, body.markdown))),
    command(routes.changeNote, (tx, { caller, params, body }) => after(tx, caller, params.id, changeNote(tx, context, caller, params.id, params.noteId, body))),
    query(routes.myTasks, (reader, { caller, query }) => listMyTasks(reader, context, caller, caller.personId, query)),
    command(factRoutes.incidentFacts, async (tx, { caller, params, query }) => {
      const facts = await onlyChanged(tx, await readFacts(tx, context, caller, params.id), query.updatedSince)
      await recordRestrictedRead(tx, context, caller, params.id)
      return facts
    }),
    command(factRoutes.stateFact, (tx, { caller, params, body }) => withFacts(tx, params.id, stateFact(tx, context, effects, caller, params.id, body))),
    command(factRoutes.correctFact, (tx, { caller, params, body }) =>
      withFacts(tx, params.id, correctFact(tx, context, effects, caller, params.id, params.factId, body)),
    ),
    command(factRoutes.approveFact, (tx, { caller, params }) => withFacts(tx, params.id, approveFact(tx, context, effects, caller, params.id, params.factId))),
    command(factRoutes.rejectFact, (tx, { caller, params }) => withFacts(tx, params.id, rejectFact(tx, context, caller, params.id, params.factId))),
    command(erasureRoutes.setLegalHold, (tx, { caller, params, body }) => after(tx, caller, params.id, setLegalHold(tx, context, caller, params.id, body))),
    query(routes.classDefinitions, reader => listClassDefinitions(reader)),
    command(routes.defineClass, (tx, { caller, params, body }) => defineClass(tx, caller, params.class, body)),
  ]
}
