import type { IncidentClass, IncidentSeverity, IncidentStatus } from '@tocsin/api'

/** What the state machine looks at. */
export interface Standing {
  readonly status: IncidentStatus
  readonly class: IncidentClass
  readonly severity: IncidentSeverity | null
  readonly declaredAt: string | null
  /** Last day of the watch over recovered services. */
  readonly watchUntil: string | null
  readonly openTasks: number
}

export type Act = 'declare' | 'contain' | 'eradicate' | 'recover' | 'close' | 'reopen'

/** From where each act may be taken, and where it leads (NIST SP 800-61: containment, eradication, recovery). */
const acts: Readonly<Record<Act, { from: readonly IncidentStatus[]; to: IncidentStatus }>> = {
  declare: { from: ['suspected'], to: 'declared' },
  // Back to contained, too: when the attacker returns, or what was thought eradicated was not.
  contain: { from: ['declared', 'eradicated', 'recovered'], to: 'contained' },
  eradicate: { from: ['contained'], to: 'eradicated' },
  recover: { from: ['eradicated'], to: 'recovered' },
  close: { from: ['suspected', 'recovered'], to: 'closed' },
  reopen: { from: ['closed'], to: 'recovered' },
}

const confirmedClasses: readonly IncidentClass[] = ['security-incident', 'customer-reportable', 'privacy-breach']

/** Where an act leads, or undefined when it cannot be taken from here. */
export function destination(act: Act, standing: Standing): IncidentStatus | undefined {
  if (!acts[act].from.includes(standing.status)) return undefined
  // What was never declared is suspected again.
  if (act === 'reopen' && standing.declaredAt === null) return 'suspected'
  return acts[act].to
}

/** What stands in the way of an act that the lifecycle allows, each as a sentence. */
export function blockers(act: Act, standing: Standing, today: string): string[] {
  const found: string[] = []
  if (act === 'declare') {
    if (standing.severity === null) found.push('The severity criteria are not answered yet.')
    if (!confirmedClasses.includes(standing.class)) found.push('The class must be security incident, customer-reportable or privacy breach.')
  }
  if (act === 'close') {
    if (standing.status === 'suspected' && standing.class !== 'not-an-incident')
      found.push('A suspected incident closes without a declaration only as "not an incident".')
    if (standing.status === 'recovered' && standing.watchUntil !== null && today <= standing.watchUntil)
      found.push(`The recovered services stay under watch until ${standing.watchUntil}.`)
    if (standing.openTasks > 0) found.push(standing.openTasks === 1 ? 'One task is open.' : `${standing.openTasks} tasks are open.`)
  }
  return found
}

/** The acts that the lifecycle allows from here, in the order in which they usually come. */
export function possibleActs(standing: Standing): Act[] {
  return (Object.keys(acts) as Act[]).filter(
    act => destination(act, standing) !== undefined && !(act === 'close' && standing.status === 'suspected' && standing.class !== 'not-an-incident'),
  )
}
