import type { Incident, IncidentRole } from '@tocsin/api'
import type { Person } from './world.ts'

/** Gives a role of an incident to somebody, who accepts it where they are asked. */
export async function giveRole(by: Person, id: string, role: IncidentRole, to: Person): Promise<Incident> {
  const params = { id, role }
  const { version, ...incident } = await by.call('incident', { params })
  const isAsked = (role === 'lead' || role === 'owner') && to.id !== by.id
  const note = isAsked && incident[role] !== null ? { note: 'Nothing is open.' } : {}
  const assigned = await by.call('assignRole', { params, body: { version, personId: to.id, ...note } })
  return isAsked ? to.call('acceptRole', { params }) : assigned
}
