/** One step of an escalation policy: who is paged, and how long they have before the next step. */
export interface EscalationStep {
  /** Depth in the team's rotation (0 primary, 1 backup), or everybody in it. */
  readonly target: { readonly kind: 'depth'; readonly depth: number } | { readonly kind: 'everyone' }
  readonly waitMinutes: number
}

/** Steps in order; the whole list runs `repeats` more times when nobody answers. */
export interface EscalationPolicy {
  readonly steps: readonly EscalationStep[]
  readonly repeats: number
}

/** What an escalation does at one position: page these people, then wait. */
export interface Climb {
  readonly participants: readonly string[]
  readonly waitMinutes: number
}

/** The number of positions an unanswered escalation climbs through before it is exhausted. */
export function climbCount(policy: EscalationPolicy): number {
  return policy.steps.length * (policy.repeats + 1)
}

/**
 * What happens at `position` (0 is the first page), or undefined once the policy is exhausted.
 * @param turns who answers now, in order of depth, as {@link onCall} returns it. A depth that nobody holds pages everybody
 *   who is there: a page is never silence while a person is left.
 */
export function climb(policy: EscalationPolicy, position: number, turns: readonly string[]): Climb | undefined {
  if (position < 0 || position >= climbCount(policy)) return undefined
  const step = policy.steps[position % policy.steps.length]
  if (!step) return undefined
  const holder = step.target.kind === 'depth' ? turns[step.target.depth] : undefined
  return { participants: holder === undefined ? [...turns] : [holder], waitMinutes: step.waitMinutes }
}
