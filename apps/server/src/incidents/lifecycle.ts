import { type IncidentClass, type IncidentSeverity, type IncidentStatus, incidentSeverities } from '@tocsin/api'

/** The input of the state machine. */
export interface IncidentState {
  readonly status: IncidentStatus
  readonly class: IncidentClass
  readonly severity: IncidentSeverity | null
  readonly declaredAt: string | null
  /** Its declaration was an error: nothing is asked of it but to be closed. */
  readonly stoodDownAt: string | null
  /** Last day of the monitoring period of recovered services. */
  readonly monitorUntil: string | null
  readonly openTasks: number
}

export type Transition = 'declare' | 'contain' | 'eradicate' | 'recover' | 'close' | 'reopen'

/** From where each transition is allowed, and where it leads (NIST SP 800-61: containment, eradication, recovery). */
const actions: Readonly<Record<Transition, { from: readonly IncidentStatus[]; to: IncidentStatus }>> = {
  declare: { from: ['suspected'], to: 'declared' },
  // Back to contained, too: when the attacker returns, or what was thought eradicated was not.
  contain: { from: ['declared', 'eradicated', 'recovered'], to: 'contained' },
  eradicate: { from: ['contained'], to: 'eradicated' },
  recover: { from: ['eradicated'], to: 'recovered' },
  close: { from: ['suspected', 'recovered'], to: 'closed' },
  reopen: { from: ['closed'], to: 'recovered' },
}

/** How much a class commits to: authorities and customers are to be told, customers alone, nobody outside; the others are no confirmed incident. */
const classRanks: Readonly<Record<IncidentClass, number>> = {
  ...{ 'privacy-breach': 3, 'customer-reportable': 2, 'security-incident': 1, suspected: 0, 'not-an-incident': 0 },
}
export const isLowerClass = (from: IncidentClass, to: IncidentClass): boolean => classRanks[to] < classRanks[from]

/** SEV1 is the highest. */
export const isLowerSeverity = (from: IncidentSeverity | null, to: IncidentSeverity): boolean =>
  from !== null && incidentSeverities.indexOf(to) > incidentSeverities.indexOf(from)

const confirmedClasses: readonly IncidentClass[] = ['security-incident', 'customer-reportable', 'privacy-breach']

/** Where a transition leads, or undefined when it is not allowed from here. */
export function destination(action: Transition, state: IncidentState): IncidentStatus | undefined {
  if (state.stoodDownAt !== null) return whenStoodDown(action, state)
  if (!actions[action].from.includes(state.status)) return undefined
  // What was never declared is suspected again.
  if (action === 'reopen' && state.declaredAt === null) return 'suspected'
  return actions[action].to
}

/** What was stood down can be closed whatever its status, and is declared again once it is reopened: at once, as nobody should be told that it was nothing meanwhile. */
function whenStoodDown(action: Transition, { status }: IncidentState): IncidentStatus | undefined {
  if (action === 'close' && status !== 'closed') return 'closed'
  return action === 'reopen' ? 'declared' : undefined
}

/** What blocks a transition that the lifecycle allows, each as a sentence. */
export function blockers(action: Transition, state: IncidentState, today: string): string[] {
  const found: string[] = []
  if (action === 'declare') {
    if (state.severity === null) found.push('Assess the severity first.')
    if (!confirmedClasses.includes(state.class)) found.push('Set the class to security incident, customer-reportable or privacy breach.')
  }
  if (action === 'close') {
    if (state.status === 'suspected' && state.class !== 'not-an-incident')
      found.push('A suspected incident can be closed without a declaration only as "not an incident".')
    if (state.status === 'recovered' && state.stoodDownAt === null && state.monitorUntil !== null && today <= state.monitorUntil)
      found.push(`The monitoring period lasts until ${state.monitorUntil} UTC.`)
    if (state.openTasks > 0) found.push(state.openTasks === 1 ? 'One task is open.' : `${state.openTasks} tasks are open.`)
  }
  return found
}

/** The transitions that the lifecycle allows from here, in their usual order. */
export function possibleTransitions(state: IncidentState): Transition[] {
  return (Object.keys(actions) as Transition[]).filter(
    action => destination(action, state) !== undefined && !(action === 'close' && state.status === 'suspected' && state.class !== 'not-an-incident'),
  )
}
