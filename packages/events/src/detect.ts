import { z } from 'zod'
import { event } from './event.ts'
import { Count, Digest, Id, Instant } from './vocabulary.ts'
import { counted, when } from './words.ts'

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
    data: z.strictObject({ ...Rule.shape, origin: z.enum(['own', 'exception', 'imported', 'starter']), expiresAt: Instant.optional() }),
    sentence: ({ data }) => `Added rule ${data.title}`,
  }),
  event({
    type: 'detection-rule.changed',
    version: 1,
    subject: 'detection-rule',
    within: 'none',
    data: z.strictObject({ ...Rule.shape, before: Rule }),
    sentence: ({ data }) => `Changed rule ${data.title}`,
  }),
  event({
    type: 'detection-rule.enabled',
    version: 1,
    subject: 'detection-rule',
    within: 'none',
    data: Rule,
    sentence: ({ data }) => `Enabled rule ${data.title}`,
  }),
  event({
    type: 'detection-rule.assigned',
    version: 1,
    subject: 'detection-rule',
    within: 'none',
    data: z.strictObject({
      ...{ title: z.string(), ruleId: z.string(), service: z.string().nullable() },
      before: z.strictObject({ service: z.string().nullable() }),
    }),
    sentence: ({ data }) => `Set the service of rule ${data.title} to ${data.service ?? 'none'} (was ${data.before.service ?? 'none'})`,
  }),
  event({
    type: 'detection-rule.disabled',
    version: 1,
    subject: 'detection-rule',
    within: 'none',
    data: Rule,
    sentence: ({ data }) => `Disabled rule ${data.title}`,
  }),
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
    sentence: ({ data }) => `Imported rules: ${data.added} added, ${data.changed} changed, ${data.unchanged} unchanged, ${data.refused} refused`,
  }),
  event({
    type: 'detection-settings.changed',
    version: 1,
    subject: 'detection-settings',
    within: 'none',
    data: z.strictObject({ after: Lists, before: Lists }),
    sentence: () => 'Changed the detection settings',
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
      service: z.string().nullable().optional(),
    }),
    sentence: ({ data }) => `Added log source ${data.name}`,
  }),
  event({
    type: 'log-source.assigned',
    version: 1,
    subject: 'log-source',
    within: 'none',
    data: z.strictObject({ name: z.string(), service: z.string().nullable(), before: z.strictObject({ service: z.string().nullable() }) }),
    sentence: ({ data }) => `Set the service of log source ${data.name} to ${data.service ?? 'none'} (was ${data.before.service ?? 'none'})`,
  }),
  event({
    type: 'log-source.revoked',
    version: 1,
    subject: 'log-source',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Revoked log source ${data.name}`,
  }),
  event({
    type: 'source.silent',
    version: 1,
    subject: 'log-source',
    within: 'none',
    /** `lastSeenAt`: of its latest events; null where none were received since it was added. `gapMinutes`: how long it may be silent. */
    data: z.strictObject({ name: z.string(), gapMinutes: Count, lastSeenAt: Instant.nullable() }),
    sentence: ({ data, at }) =>
      `Log source ${data.name} fell silent: ${data.lastSeenAt === null ? 'no events since it was added' : `no events since ${when(data.lastSeenAt, at)}`}`,
  }),
  event({
    type: 'source.heard',
    version: 1,
    subject: 'log-source',
    within: 'none',
    /** `seenAt`: when the first events after the silence were received. */
    data: z.strictObject({ name: z.string(), seenAt: Instant }),
    sentence: ({ data }) => `Log source ${data.name} sends events again`,
  }),
  event({
    type: 'dead-letter.replayed',
    version: 1,
    subject: 'dead-letter',
    within: 'none',
    data: z.strictObject({ source: z.string() }),
    sentence: ({ data }) => `Replayed a dead letter of ${data.source}`,
  }),
  event({
    type: 'indicator-list.added',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ name: z.string(), level: RuleLevel, from: z.string().nullable() }),
    sentence: ({ data }) => `Added indicator list ${data.name}`,
  }),
  event({
    type: 'indicator-list.changed',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ ...ListSettings.shape, before: ListSettings }),
    sentence: ({ data }) => `Changed indicator list ${data.name}`,
  }),
  event({
    type: 'indicator-list.removed',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Removed indicator list ${data.name}`,
  }),
  event({
    type: 'indicator-list.imported',
    version: 1,
    subject: 'indicator-list',
    within: 'none',
    data: z.strictObject({ name: z.string(), taken: Count, size: Count, refused: Count }),
    sentence: ({ data }) => `Imported ${counted(data.taken, 'indicator')} into ${data.name}, ${data.refused} refused`,
  }),
  event({
    type: 'indicator.ignored',
    version: 1,
    subject: 'indicator',
    within: 'none',
    /** `alertId`: the alert that it was found in. */
    data: z.strictObject({ reason: z.string(), alertId: Id.optional() }),
    sentence: () => 'Ignored an indicator',
  }),
  event({
    type: 'indicator.restored',
    version: 1,
    subject: 'indicator',
    within: 'none',
    data: z.strictObject({ alertId: Id.optional() }),
    sentence: () => 'Restored an indicator',
  }),
] as const
