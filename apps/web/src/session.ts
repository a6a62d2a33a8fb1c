import { type Incident, includesRole, type Me, type Role } from '@tocsin/api'
import { useApi } from './api.ts'

/** Who is signed in: undefined while that is not known, also because it could not be read; null for nobody. */
export function useMe(): Me | null | undefined {
  const me = useApi('me')
  if (me.data) return me.data
  // Only the server knows that nobody is signed in; one that is away says nothing.
  return me.error?.problem.status === 401 ? null : undefined
}

/** True once the session of who is shown here has ended: the page stays, with what was typed, and is not kept fresh. */
export function useHasSessionEnded(): boolean {
  const me = useApi('me')
  return me.data !== undefined && me.error?.problem.status === 401
}

/** True when the signed-in person has at least this role. What a person may not do is not offered; the server decides. */
export function useMay(role: Role): boolean {
  const me = useMe()
  return me ? includesRole(me.person.role, role) : false
}

/** True when the signed-in person leads an incident, or has the role lead or above. */
export function useMayLead(incident: Pick<Incident, 'lead'>): boolean {
  const me = useMe()
  return me ? includesRole(me.person.role, 'lead') || incident.lead?.id === me.person.id : false
}
