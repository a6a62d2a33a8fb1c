import { z } from 'zod'
import { event } from './event.ts'
import { Digest, Id, Instant } from './vocabulary.ts'
import { when } from './words.ts'

const Kind = z.enum(['occurred', 'detected', 'aware', 'discovered', 'determined', 'contained'])
/** What was stated: when, who says so, and how they know. */
const Statement = { kind: Kind, at: Instant, source: z.string(), basis: z.string() }
/** The version that counted until then. */
const Superseded = z.strictObject({ id: Id, at: Instant })

/** What happened, after `When`. */
const happened = {
  occurred: 'the incident occurred',
  detected: 'it was detected',
  aware: 'the organization became aware of it',
  discovered: 'it was discovered',
  determined: 'it was determined',
  contained: 'it was contained',
} as const

/** The key dates of an incident: stated, corrected, and never overwritten. */
export const factEvents = [
  event({
    type: 'fact.stated',
    version: 1,
    subject: 'fact',
    within: 'incident',
    data: z.strictObject(Statement),
    sentence: ({ data, at }) => `Stated when ${happened[data.kind]}: ${when(data.at, at)}, says ${data.source}`,
    reason: ({ data }) => data.basis,
  }),
  event({
    type: 'fact.corrected',
    version: 1,
    subject: 'fact',
    within: 'incident',
    data: z.strictObject({ ...Statement, reason: z.string(), before: Superseded }),
    sentence: ({ data, at }) => `Corrected when ${happened[data.kind]} from ${when(data.before.at, at)} to ${when(data.at, at)}, says ${data.source}`,
  }),
  event({
    type: 'fact.proposed',
    version: 1,
    subject: 'fact',
    within: 'incident',
    /** Deadlines would become later: somebody else has to approve it. Without `before` nothing was stated yet; without a reason, too. */
    data: z.strictObject({ ...Statement, reason: z.string().nullable(), before: Superseded.nullable() }),
    sentence: ({ data, at }) => `Proposed ${when(data.at, at)} for when ${happened[data.kind]}, says ${data.source}; takes effect once approved`,
    reason: ({ data }) => data.reason ?? data.basis,
  }),
  event({
    type: 'fact.approved',
    version: 1,
    subject: 'fact',
    within: 'incident',
    /** `sha256`: of the canonical JSON of what was approved: kind, at, source, basis and reason. */
    data: z.strictObject({ kind: Kind, at: Instant, before: Superseded.nullable(), sha256: Digest }),
    sentence: ({ data, at }) => `Approved ${when(data.at, at)} for when ${happened[data.kind]}`,
  }),
  event({
    type: 'fact.rejected',
    version: 1,
    subject: 'fact',
    within: 'incident',
    data: z.strictObject({ kind: Kind, at: Instant }),
    sentence: ({ data, at }) => `Rejected ${when(data.at, at)} for when ${happened[data.kind]}`,
  }),
] as const
