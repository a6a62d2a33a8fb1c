import { z } from 'zod'
import { event } from './event.ts'
import { Count, Digest, Id, Instant, Nothing, Responsibility, Severity, ZonedHours } from './vocabulary.ts'
import { words } from './words.ts'

const SilenceRule = z.strictObject({
  matchers: z.strictObject({ serviceIds: z.array(Id), severities: z.array(Severity), source: z.string(), titleContains: z.string() }),
  reason: z.string(),
  hours: ZonedHours.nullable(),
  start: Instant,
  end: Instant,
})

/** Alerts, reports of people, and where both come from. */
export const alertEvents = [
  event({
    type: 'alert.received',
    version: 1,
    subject: 'alert',
    within: 'none',
    data: z.strictObject({
      number: Count,
      title: z.string(),
      severity: Severity,
      source: z.string(),
      kind: z.enum(['alert', 'report']),
      serviceId: Id.nullable(),
      /** The detection rule that raised it, as it was then. */
      rule: z.strictObject({ id: z.string(), version: z.number().int(), sha256: Digest }).nullable(),
    }),
    sentence: ({ data }) => `Alert ${data.number} received: ${data.title}`,
  }),
  event({
    type: 'alert.repeated',
    version: 1,
    subject: 'alert',
    within: 'either',
    /** `severity` and `before`: where the repetition was more severe than the alert had been. */
    data: z.strictObject({ count: Count, severity: Severity.optional(), before: z.strictObject({ severity: Severity }).optional() }),
    sentence: ({ data: { count, severity, before } }) =>
      `Alert received again: ${count} occurrences${severity && before ? `; severity raised from ${before.severity} to ${severity}` : ''}`,
  }),
  event({ type: 'alert.acknowledged', version: 1, subject: 'alert', within: 'either', data: Nothing, sentence: () => 'Acknowledged the alert' }),
  event({
    type: 'alert.dismissed',
    version: 1,
    subject: 'alert',
    within: 'none',
    data: z.strictObject({
      value: z.enum(['false-positive', 'benign-true-positive', 'not-security', 'duplicate']),
      responsibility: Responsibility,
      reason: z.string(),
      /** Number of the alert that a duplicate repeats, where it was named. */
      duplicateOf: Count.optional(),
    }),
    sentence: ({ data }) =>
      `Dismissed the alert as ${data.value === 'duplicate' && data.duplicateOf !== undefined ? `duplicate of alert ${data.duplicateOf}` : words(data.value)}: ${data.reason}`,
    reason: () => undefined,
  }),
  event({
    type: 'alert.escalated',
    version: 1,
    subject: 'alert',
    within: 'incident',
    data: z.strictObject({ number: Count, title: z.string(), incidentNumber: Count, responsibility: Responsibility, reason: z.string() }),
    sentence: ({ data }) => `Escalated alert ${data.number}: ${data.title}`,
  }),
  event({
    type: 'alert.resolved-by-source',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: Nothing,
    sentence: () => 'The source of the alert reported it as resolved',
  }),
  event({
    type: 'alert.silenced',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({ silenceId: Id, reason: z.string() }),
    sentence: ({ data }) => `Silenced the alert: ${data.reason}`,
    reason: () => undefined,
  }),
  event({ type: 'silence.added', version: 1, subject: 'silence', within: 'none', data: SilenceRule }),
  event({ type: 'silence.ended', version: 1, subject: 'silence', within: 'none', data: z.strictObject({ before: SilenceRule }) }),
  event({
    type: 'heartbeat.added',
    version: 1,
    subject: 'heartbeat',
    within: 'none',
    data: z.strictObject({ name: z.string(), serviceId: Id.nullable(), severity: Severity, everyMinutes: Count }),
  }),
  event({ type: 'heartbeat.removed', version: 1, subject: 'heartbeat', within: 'none', data: z.strictObject({ name: z.string() }) }),
  event({ type: 'heartbeat.received', version: 1, subject: 'heartbeat', within: 'none', data: z.strictObject({ name: z.string() }) }),
  event({
    type: 'report.received',
    version: 1,
    subject: 'report',
    within: 'none',
    data: z.strictObject({
      reference: z.string(),
      audience: z.enum(['employee', 'customer']),
      alertId: Id,
      files: z.array(z.strictObject({ name: z.string(), sizeBytes: Count, sha256: Digest })),
    }),
  }),
  event({ type: 'report.read', version: 1, subject: 'report', within: 'either', data: Nothing, sentence: () => 'Viewed the report', isBookkeeping: true }),
  event({
    type: 'report-file.read',
    version: 1,
    subject: 'report',
    within: 'either',
    data: z.strictObject({ fileId: Id }),
    sentence: () => 'Downloaded a file of the report',
    isBookkeeping: true,
  }),
  event({
    type: 'integration.added',
    version: 1,
    subject: 'integration',
    within: 'none',
    data: z.strictObject({ kind: z.enum(['alertmanager', 'pagerduty']), name: z.string(), serviceId: Id.nullable() }),
  }),
  event({ type: 'integration.revoked', version: 1, subject: 'integration', within: 'none', data: z.strictObject({ name: z.string() }) }),
] as const
