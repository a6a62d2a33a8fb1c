import { z } from 'zod'
import { event } from './event.ts'
import { Count, Digest } from './vocabulary.ts'

const RuleLevel = z.enum(['informational', 'low', 'medium', 'high', 'critical'])
/** A rule and its text: the SHA-256 of what its author wrote. */
const Rule = z.strictObject({ title: z.string(), ruleId: z.string(), version: Count, sha256: Digest })
const ListSettings = z.strictObject({ name: z.string(), level: RuleLevel, isEnabled: z.boolean() })
const Lists = z.record(z.string(), z.array(z.string()))

/** Log sources, detection rules, lists of indicators. */
export const detectEvents = [
  event({
    type: 'detection-rule.added',
    version: 1,
    subject: 'detection-rule',
    within: 'none',
    data: z.strictObject({ ...Rule.shape, origin: z.enum(['own', 'exception', 'imported', 'starter']) }),
  }),
  event({ type: 'detection-rule.changed', version: 1, subject: 'detection-rule', within: 'none', data: z.strictObject({ ...Rule.shape, before: Rule }) }),
  event({ type: 'detection-rule.enabled', version: 1, subject: 'detection-rule', within: 'none', data: Rule }),
  event({ type: 'detection-rule.disabled', version: 1, subject: 'detection-rule', within: 'none', data: Rule }),
  event({
    type: 'detection-rules.imported',
    version: 1,
    subject: 'detection-rules',
    within: 'none',
    data: z.strictObject({
      added: Count,
      changed: Count,
      unchanged: Count,
      refused: Count,
      /** Of the canonical JSON of one string a rule, `<its id> <SHA-256 of its text>`, in order. */
      sha256: Digest,
    }),
  }),
  event({
    type: 'detection-settings.changed',
    version: 1,
    subject: 'detection-settings',
    within: 'none',
    data: z.strictObject({ after: Lists, before: Lists }),
  }),
  event({
    type: 'log-source.added',
    version: 1,
    subject: 'log-source',
    within: 'none',
    data: z.strictObject({
      name: z.string(),
      logsource: z.strictObject({ category: z.string().optional(), product: z.string().optional(), service: z.string().optional() }),
      senders: z.array(z.string()),
      files: z.array(z.string()),
      gapMinutes: Count.nullable(),
    }),
  }),
  event({ type: 'log-source.revoked', version: 1, subject: 'log-source', within: 'none', data: z.strictObject({ name: z.string() }) }),
  event({ type: 'dead-letter.replayed', version: 1, subject: 'dead-letter', within: 'none', data: z.strictObject({ source: z.string() }) }),
  event({
    type: 'indicator-list.added',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ name: z.string(), level: RuleLevel, from: z.string().nullable() }),
  }),
  event({
    type: 'indicator-list.changed',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ ...ListSettings.shape, before: ListSettings }),
  }),
  event({ type: 'indicator-list.removed', version: 1, subject: 'indicator-list', within: 'none', data: z.strictObject({ name: z.string() }) }),
  event({
    type: 'indicator-list.imported',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ name: z.string(), taken: Count, size: Count, refused: Count }),
  }),
  event({ type: 'indicator.ignored', version: 1, subject: 'indicator', within: 'none', data: z.strictObject({ reason: z.string() }) }),
  event({ type: 'indicator.restored', version: 1, subject: 'indicator', within: 'none', data: z.strictObject({}) }),
] as const
