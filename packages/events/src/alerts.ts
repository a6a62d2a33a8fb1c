import { z } from 'zod'
import { event } from './event.ts'
import { Count, Digest, Id, Instant, Nothing, Responsibility, Severity, ZonedHours } from './vocabulary.ts'
import { when, words } from './words.ts'

const SilenceRule = z.strictObject({
  matchers: z.strictObject({ serviceIds: z.array(Id), severities: z.array(Severity), source: z.string(), titleContains: z.string() }),
  reason: z.string(),
  hours: ZonedHours.nullable(),
  start: Instant,
  end: Instant,
})

/** The detection rule that raised an alert, as it was then. */
const Rule = z.strictObject({ id: z.string(), version: z.number().int(), sha256: Digest })
/** When it happened, where its source says that: the entry is of when it was received. */
const Occurred = { occurredAt: Instant.optional() }

const Disposition = z.enum(['true-positive', 'false-positive', 'benign-true-positive', 'not-security', 'duplicate'])
const OfIncident = z.strictObject({ id: Id, number: Count })

/** What a repetition may change of what an alert says. */
const Said = { severity: Severity.optional(), title: z.string().optional() }

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
      rule: Rule.nullable(),
      ...Occurred,
    }),
    sentence: ({ data }) => `Alert ${data.number} received: ${data.title}`,
  }),
  event({
    type: 'alert.repeated',
    version: 1,
    subject: 'alert',
    within: 'either',
    /** `severity` and `title`: where the repetition was more severe, or said something else, and `before` what the alert had said. */
    data: z.strictObject({ count: Count, ...Said, before: z.strictObject(Said).optional(), ...Occurred }),
    sentence: ({ data: { count, severity, title, before } }) =>
      [
        `Alert received again: ${count} occurrences`,
        ...(severity && before?.severity ? [`severity raised from ${before.severity} to ${severity}`] : []),
        ...(title && before?.title ? [`title changed from “${before.title}” to “${title}”`] : []),
      ].join('; '),
  }),
  event({ type: 'alert.acknowledged', version: 1, subject: 'alert', within: 'either', data: Nothing, sentence: () => 'Acknowledged the alert' }),
  event({
    type: 'alert.dismissed',
    version: 1,
    subject: 'alert',
    within: 'none',
    data: z.strictObject({
      value: Disposition,
      responsibility: Responsibility,
      reason: z.string(),
      /** Number of the alert that a duplicate repeats, where it was named. */
      duplicateOf: Count.optional(),
      /** Not of alerts that no rule raised. */
      rule: Rule.optional(),
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
    data: z.strictObject({
      ...{ number: Count, title: z.string(), incidentNumber: Count, responsibility: Responsibility, reason: z.string() },
      rule: Rule.optional(),
    }),
    sentence: ({ data }) => `Escalated alert ${data.number}: ${data.title}`,
  }),
  event({
    type: 'alert.reopened',
    version: 1,
    subject: 'alert',
    within: 'none',
    /** `value`: the disposition that was taken back. */
    data: z.strictObject({ value: Disposition, reason: z.string() }),
    sentence: ({ data }) => `Reopened the alert; it had been dismissed as ${words(data.value)}: ${data.reason}`,
    reason: () => undefined,
  }),
  event({
    type: 'alert.moved',
    version: 1,
    subject: 'alert',
    /** One entry in each of the incidents. */
    within: 'incident',
    /** `to`: null for the triage queue. */
    data: z.strictObject({ number: Count, title: z.string(), from: OfIncident, to: OfIncident.nullable(), reason: z.string() }),
    sentence: ({ data: { number, title, from, to } }) =>
      `Moved alert ${number} from incident ${from.number} ${to === null ? 'back to the triage queue' : `to incident ${to.number}`}: ${title}`,
  }),
  event({
    type: 'alert.resolved-by-source',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject(Occurred),
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
  event({
    type: 'alert.silence-ended',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({ silenceId: Id, reason: z.string() }),
    sentence: ({ data }) => `The silence of the alert ended: ${data.reason}`,
    reason: () => undefined,
  }),
  event({
    type: 'silence.added',
    version: 1,
    subject: 'silence',
    within: 'none',
    data: SilenceRule,
    sentence: ({ data, at }) => `Added a silence until ${when(data.end, at)}`,
  }),
  event({
    type: 'silence.ended',
    version: 1,
    subject: 'silence',
    within: 'none',
    data: z.strictObject({ before: SilenceRule }),
    sentence: () => 'Ended a silence',
  }),
  event({
    type: 'heartbeat.added',
    version: 1,
    subject: 'heartbeat',
    within: 'none',
    data: z.strictObject({ name: z.string(), serviceId: Id.nullable(), severity: Severity, everyMinutes: Count }),
    sentence: ({ data }) => `Added heartbeat monitor ${data.name}`,
  }),
  event({
    type: 'heartbeat.removed',
    version: 1,
    subject: 'heartbeat',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Removed heartbeat monitor ${data.name}`,
  }),
  event({
    type: 'heartbeat.missed',
    version: 1,
    subject: 'heartbeat',
    within: 'none',
    /** `lastHeartbeatAt`: null where none was received since the monitor was created. */
    data: z.strictObject({ name: z.string(), everyMinutes: Count, lastHeartbeatAt: Instant.nullable() }),
    sentence: ({ data }) => `Heartbeat missed: ${data.name}`,
  }),
  event({
    type: 'heartbeat.received',
    version: 1,
    subject: 'heartbeat',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Heartbeat received: ${data.name}`,
  }),
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
    erasable: ['files.*.name'],
    sentence: ({ data }) => `Report ${data.reference} received`,
  }),
  event({ type: 'report.read', version: 1, subject: 'report', within: 'either', data: Nothing, sentence: () => 'Viewed the report', isBookkeeping: true }),
  event({
    type: 'report.link-revoked',
    version: 1,
    subject: 'report',
    within: 'either',
    data: Nothing,
    sentence: () => 'Revoked the private link of the reporter',
  }),
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
    type: 'report-file.scanned',
    version: 1,
    subject: 'report',
    within: 'either',
    data: z.strictObject({ fileId: Id, name: z.string(), result: z.enum(['clean', 'infected']) }),
    erasable: ['name'],
    sentence: ({ data }) => (data.result === 'clean' ? `Scanned ${data.name}: no malware found` : `Malware found in ${data.name}`),
  }),
  event({
    type: 'report-file.removed',
    version: 1,
    subject: 'report',
    within: 'either',
    data: z.strictObject({ fileId: Id, name: z.string() }),
    erasable: ['name'],
    sentence: ({ data }) => `Removed the infected file ${data.name}`,
  }),
  event({
    type: 'integration.added',
    version: 1,
    subject: 'integration',
    within: 'none',
    data: z.strictObject({
      ...{ kind: z.enum(['alertmanager', 'pagerduty']), name: z.string(), serviceId: Id.nullable() },
      severities: z.record(z.string(), Severity).optional(),
    }),
    sentence: ({ data }) => `Added integration ${data.name}`,
  }),
  event({
    type: 'integration.changed',
    version: 1,
    subject: 'integration',
    within: 'none',
    data: z.strictObject({
      name: z.string(),
      severities: z.record(z.string(), Severity),
      before: z.strictObject({ severities: z.record(z.string(), Severity) }),
    }),
    sentence: ({ data }) => `Changed the severities of integration ${data.name}`,
  }),
  event({
    type: 'integration.revoked',
    version: 1,
    subject: 'integration',
    within: 'none',
    data: z.strictObject({ name: z.string() }),
    sentence: ({ data }) => `Revoked integration ${data.name}`,
  }),
] as const
