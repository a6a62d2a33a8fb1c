import { and, asc, eq, ne, or, sql } from 'drizzle-orm'
import { type AppContext, findPerson } from '../access/index.ts'
import { type Actor, record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { endHandovers } from './handovers.ts'
import { type IncidentRow, roleColumns, saveIncident } from './incident.ts'
import { mailAbout } from './mails.ts'
import { roleNames, seek } from './roles.ts'
import { watchForLead } from './scope.ts'
import { incidents } from './tables.ts'
import { peopleWho } from './task-reminders.ts'

/** Somebody leaves: what they have in open incidents is vacant, and others are paged or told to take it over. */
export async function leaveRoles(tx: Tx, context: AppContext, actor: Actor, personId: string): Promise<void> {
  const asked = sql`exists (select 1 from incident_handovers asked where asked.incident_id = ${incidents.id} and asked.to_id = ${personId})`
  const theirs = or(...[incidents.leadId, incidents.ownerId, incidents.communicationsId, incidents.executiveId].map(column => eq(column, personId)), asked)
  const left = await tx.db
    .select()
    .from(incidents)
    .where(and(theirs, ne(incidents.status, 'closed')))
    .orderBy(asc(incidents.number))
    .for('update')
  const name = (await findPerson(tx, personId))?.name ?? ''
  for (const incident of left) await leaveOne(tx, context, actor, incident, { id: personId, name })
}

async function leaveOne(
  tx: Tx,
  context: AppContext,
  actor: Actor,
  incident: IncidentRow,
  person: { readonly id: string; readonly name: string },
): Promise<void> {
  const { id } = incident
  const ended = await endHandovers(tx, context, actor, id, { outcome: 'left', toIds: [person.id] })
  let saved = incident
  for (const role of ['lead', 'owner', 'communications', 'executive'] as const) {
    if (saved[roleColumns[role]] !== person.id) continue
    saved = await saveIncident(tx, saved, { [roleColumns[role]]: null })
    const data = { role, personId: null, name: null, before: { personId: person.id, name: person.name } }
    await record(tx, { actor, type: 'incident.role-assigned', subject: { kind: 'incident', id }, within: id, data })
  }
  const because = `${person.name}, whose account was deactivated, was`
  for (const role of ['lead', 'owner'] as const) {
    const wasTheirs = incident[roleColumns[role]] === person.id
    if (wasTheirs || (saved[roleColumns[role]] === null && ended.some(each => each.role === role)))
      await seek(tx, context, saved, role, `${because} ${wasTheirs ? '' : 'asked to become '}${roleNames[role]}.`)
  }
  if (incident.isRestricted) await watchForLead(tx, context, saved)
  // About a restricted incident nobody is paged by rota.
  const vacant = ([...(incident.isRestricted ? (['owner'] as const) : []), 'communications', 'executive'] as const)
    .filter(role => incident[roleColumns[role]] === person.id)
    .map(role => roleNames[role])
  if (vacant.length === 0) return
  const active = await peopleWho(tx, saved.leadId === null ? [] : [saved.leadId])
  const lead = active.byId.get(saved.leadId ?? '')
  const message = {
    ...{ subject: `No ${vacant.join(', no ')}`, neutral: 'Somebody with a role in this restricted incident has left. Sign in and assign somebody else.' },
    lines: [`${because} ${vacant.join(' and ')} of "${saved.title}". Assign somebody else.`],
  }
  await context.messenger.postAll(
    tx,
    (lead === undefined ? active.insteadOf(saved) : [lead]).map(each =>
      mailAbout(context.messenger.origin, saved, each, { purpose: 'incident-role', ...message }),
    ),
  )
}
