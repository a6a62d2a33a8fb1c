import { z } from 'zod'
import { event } from './event.ts'
import { Class, Criteria, Status } from './incidents.ts'
import { Digest, IncidentSeverity } from './vocabulary.ts'
import { words } from './words.ts'

const Kind = z.enum(['stand-down', 'lower-class', 'lower-severity', 'close'])
/** What would change: of the incident as it was, and as it would be. */
const Change = z.strictObject({
  from: z.strictObject({ status: Status, class: Class, severity: IncidentSeverity }),
  to: z.strictObject({ class: Class.optional(), severity: IncidentSeverity.optional(), criteria: Criteria.optional() }),
})
const Named = z.strictObject({ kind: Kind, change: Change })

/** What an approval of a proposal does: `lower the class from privacy breach to security incident`. */
export function proposedChange({ kind, change: { from, to } }: z.output<typeof Named>): string {
  if (kind === 'stand-down') return 'stand the incident down'
  if (kind === 'close') return 'close the incident'
  return kind === 'lower-class'
    ? `lower the class from ${words(from.class)} to ${words(to.class ?? from.class)}`
    : `lower the severity from ${from.severity} to ${to.severity ?? from.severity}`
}

/** What takes a second person, proposed and decided. */
export const proposalEvents = [
  event({
    type: 'proposal.made',
    version: 1,
    subject: 'proposal',
    within: 'incident',
    data: z.strictObject({ ...Named.shape, reason: z.string() }),
    sentence: ({ data }) => `Proposed to ${proposedChange(data)}`,
  }),
  event({
    type: 'proposal.approved',
    version: 1,
    subject: 'proposal',
    within: 'incident',
    /** `sha256`: of the canonical JSON of kind, change and reason, which is what was approved. */
    data: z.strictObject({ ...Named.shape, sha256: Digest }),
    sentence: ({ data }) => `Approved the proposal to ${proposedChange(data)}`,
  }),
  event({
    type: 'proposal.rejected',
    version: 1,
    subject: 'proposal',
    within: 'incident',
    data: z.strictObject({ ...Named.shape, reason: z.string() }),
    sentence: ({ data }) => `Rejected the proposal to ${proposedChange(data)}`,
  }),
  event({
    type: 'proposal.withdrawn',
    version: 1,
    subject: 'proposal',
    within: 'incident',
    data: Named,
    sentence: ({ data }) => `Withdrew the proposal to ${proposedChange(data)}`,
  }),
  event({
    type: 'proposal.voided',
    version: 1,
    subject: 'proposal',
    within: 'incident',
    data: Named,
    sentence: ({ data }) => `The proposal to ${proposedChange(data)} is void: the incident has changed`,
  }),
] as const
