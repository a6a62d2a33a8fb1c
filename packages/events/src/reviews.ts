import { z } from 'zod'
import { event } from './event.ts'
import { Count, Day, Digest, Id, Named } from './vocabulary.ts'

const Finding = z.strictObject({
  id: Id,
  kind: z.enum(['technical-lapse', 'procedural-failure', 'manual-error', 'process-flaw', 'communication']),
  description: z.string(),
})
const State = z.enum(['open', 'done', 'verified'])
const looked = {
  open: 'Kept the follow-up action open',
  done: 'Completed the follow-up action',
  verified: 'Verified the follow-up action as effective',
} as const

/** The rules that require a review, by what each looks at. */
const RequiringRule = z.enum(['customer-reportable', 'privacy-breach', 'affected-data', 'affected-customers', 'notified-in-error'])

/** Reviews of incidents and the follow-up actions that come of them. */
export const reviewEvents = [
  event({
    type: 'review.required',
    version: 1,
    subject: 'incident',
    within: 'incident',
    /** `ruleVersion`: of the rules as a whole. */
    data: z.strictObject({ rule: RequiringRule, ruleVersion: Count, reason: z.string() }),
    sentence: () => 'A review is required before the incident can be closed',
  }),
  event({
    type: 'review.started',
    version: 1,
    subject: 'review',
    within: 'incident',
    /** `sequence`: as it was taken from the timeline. `round`: of the incident; the first entries had none. */
    data: z.strictObject({ sequence: z.string().optional(), round: Count.optional() }),
    sentence: ({ data: { round = 1 } }) => (round === 1 ? 'Started the review' : `Started the supplement to the review, round ${round}`),
  }),
  event({
    type: 'review.saved',
    version: 1,
    subject: 'review',
    within: 'incident',
    data: z.strictObject({ sequence: z.string(), findings: z.array(Finding) }),
    sentence: () => 'Edited the review',
  }),
  event({
    type: 'review.finished',
    version: 1,
    subject: 'review',
    within: 'incident',
    /** `sha256`: of the canonical JSON of its sequence and findings, which is what was agreed. */
    data: z.strictObject({ findings: Count, sha256: Digest, round: Count.optional() }),
    sentence: ({ data: { round = 1 } }) => (round === 1 ? 'Finished the review' : `Finished the supplement to the review, round ${round}`),
  }),
  event({
    type: 'follow-up.added',
    version: 1,
    subject: 'follow-up',
    within: 'incident',
    data: z.strictObject({ title: z.string(), ownerId: Id, dueOn: Day }),
    sentence: ({ data }) => `Added a follow-up action: ${data.title}`,
  }),
  event({
    type: 'follow-up.updated',
    version: 1,
    subject: 'follow-up',
    within: 'incident',
    data: z.strictObject({
      ...{ title: z.string(), state: State, reason: z.string(), dueOn: Day },
      /** Where it was given to somebody else. */
      owner: Named.optional(),
      /** Where it was verified: of the canonical JSON of its title and of what its owner said was done. */
      sha256: Digest.optional(),
      before: z.strictObject({ state: State, dueOn: Day, owner: Named.optional() }),
    }),
    sentence: ({ data: { title, state, owner } }) => (owner ? `Reassigned the follow-up action to ${owner.name}: ${title}` : `${looked[state]}: ${title}`),
  }),
] as const
