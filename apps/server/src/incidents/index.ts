import { incidentRoutes as routes } from '@tocsin/api'
import { eq } from 'drizzle-orm'
import { readAlert } from '../alerts/index.ts'
import { act, type Bindings, type Caller, type House, question, teams } from '../identity/index.ts'
import { record, wasRecorded } from '../journal/index.ts'
import { addMinutes } from '../platform/clock.ts'
import type { Tx } from '../platform/database.ts'
import { type ClosingConditions, closeIncident, containIncident, declareIncident, eradicateIncident, recoverIncident, reopenIncident } from './acts.ts'
import { defineClass, listClassDefinitions } from './classes.ts'
import { assessIncident, assignRole, changeIncident, classifyIncident, setMembers, takeVacantRole } from './facts.ts'
import { defineVisibility } from './incident.ts'
import { addNote, changeNote } from './notes.ts'
import { escalateAlert, openIncident } from './open.ts'
import { listIncidents, readIncident } from './read.ts'
import { setAffectedCustomers, setAffectedServices } from './scope.ts'
import { addTask, approveTask, changeTask } from './tasks.ts'
import { coverWidely } from './widespread.ts'
import { defineWorkload } from './workload.ts'

export { ClosingConditions } from './acts.ts'
export { findIncident, type IncidentRow, lockOpenIncident } from './incident.ts'
export { renderMarkdown } from './markdown.ts'
export { readIncident, selectionOf } from './read.ts'
export { pageLead } from './scope.ts'
export { incidentCustomers, incidents } from './tables.ts'
export { timelineOf } from './timeline.ts'

/** Reading a restricted incident is on record: once a quarter of an hour, because an open page reads again with every change. */
async function recordRead(tx: Tx, caller: Caller, id: string): Promise<void> {
  const entry = { actor: caller.actor, type: 'incident.read', subject: { kind: 'incident', id } }
  if (!(await wasRecorded(tx, { ...entry, since: addMinutes(tx.now, -15) }))) await record(tx, { ...entry, within: id })
}

/** Opens the room. `conditions` collects what other rooms have against closing an incident. */
export function openIncidents(house: House, conditions: ClosingConditions): Bindings {
  defineVisibility(house)
  defineWorkload(house)
  house.followers.react('incidents', {
    'page.acknowledged': async (tx, entry) => {
      const about = entry.data.about as { kind: string; id: string }
      if (about.kind !== 'incident') return
      const [team] = await tx.db
        .select({ kind: teams.kind })
        .from(teams)
        .where(eq(teams.id, String(entry.data.teamId)))
      if (team) await takeVacantRole(tx, entry.actor, about.id, team.kind === 'security' ? 'lead' : 'owner', String(entry.data.personId))
    },
  })
  const read = (tx: Tx, caller: Caller, id: string) => readIncident(tx, house, conditions, caller, id)
  const after = async (tx: Tx, caller: Caller, id: string, change: Promise<void>) => {
    await change
    return read(tx, caller, id)
  }
  return [
    question(routes.incidents, (reader, { caller, query }) => listIncidents(reader, house, caller, query)),
    act(routes.incident, async (tx, { caller, params }) => {
      const incident = await read(tx, caller, params.id)
      if (incident.isRestricted) await recordRead(tx, caller, params.id)
      return incident
    }),
    act(routes.openIncident, async (tx, { caller, body }) => read(tx, caller, await openIncident(tx, house, caller, body))),
    act(routes.escalateAlert, async (tx, { caller, params, body }) =>
      read(tx, caller, await escalateAlert(tx, house, caller, await readAlert(tx, house, caller, params.id), body)),
    ),
    act(routes.changeIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, changeIncident(tx, house, caller, params.id, body))),
    act(routes.assessSeverity, (tx, { caller, params, body }) => after(tx, caller, params.id, assessIncident(tx, house, caller, params.id, body))),
    act(routes.classifyIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, classifyIncident(tx, house, caller, params.id, body))),
    act(routes.coverWidely, (tx, { caller, params, body }) => after(tx, caller, params.id, coverWidely(tx, house, caller, params.id, body))),
    act(routes.assignRole, (tx, { caller, params, body }) => after(tx, caller, params.id, assignRole(tx, house, caller, params.id, params.role, body))),
    act(routes.setMembers, (tx, { caller, params, body }) => after(tx, caller, params.id, setMembers(tx, house, caller, params.id, body))),
    act(routes.setAffectedServices, (tx, { caller, params, body }) => after(tx, caller, params.id, setAffectedServices(tx, house, caller, params.id, body))),
    act(routes.setAffectedCustomers, (tx, { caller, params, body }) => after(tx, caller, params.id, setAffectedCustomers(tx, house, caller, params.id, body))),
    act(routes.declareIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, declareIncident(tx, house, caller, params.id, body))),
    act(routes.containIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, containIncident(tx, house, caller, params.id, body))),
    act(routes.eradicateIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, eradicateIncident(tx, house, caller, params.id, body))),
    act(routes.recoverIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, recoverIncident(tx, house, caller, params.id, body))),
    act(routes.closeIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, closeIncident(tx, house, conditions, caller, params.id, body))),
    act(routes.reopenIncident, (tx, { caller, params, body }) => after(tx, caller, params.id, reopenIncident(tx, house, caller, params.id, body))),
    act(routes.addTask, (tx, { caller, params, body }) => after(tx, caller, params.id, addTask(tx, house, caller, params.id, body))),
    act(routes.changeTask, (tx, { caller, params, body }) => after(tx, caller, params.id, changeTask(tx, house, caller, params.id, params.taskId, body))),
    act(routes.approveTask, (tx, { caller, params, body }) =>
      after(tx, caller, params.id, approveTask(tx, house, caller, params.id, params.taskId, body.version)),
    ),
    act(routes.addNote, (tx, { caller, params, body }) => after(tx, caller, params.id, addNote(tx, house, caller, params.id, body.markdown))),
    act(routes.changeNote, (tx, { caller, params, body }) => after(tx, caller, params.id, changeNote(tx, house, caller, params.id, params.noteId, body))),
    question(routes.classDefinitions, reader => listClassDefinitions(reader)),
    act(routes.defineClass, (tx, { caller, params, body }) => defineClass(tx, caller, params.class, body)),
  ]
}
