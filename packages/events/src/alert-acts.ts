import { z } from 'zod'
import { event } from './event.ts'
import { Id, Severity } from './vocabulary.ts'

const Named = z.strictObject({ id: Id, name: z.string() })

/** Whose work an alert is, and what people correct of it. */
export const alertActEvents = [
  event({
    type: 'alert.assigned',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({ to: Named, before: Named.nullable() }),
    sentence: ({ data: { to, before } }) => `Assigned the alert to ${to.name}${before === null ? '' : `; it had been assigned to ${before.name}`}`,
  }),
  event({
    type: 'alert.unassigned',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({ before: Named, reason: z.string().optional() }),
    sentence: ({ data: { before, reason } }) => `Unassigned the alert; it had been assigned to ${before.name}${reason === undefined ? '' : `: ${reason}`}`,
    reason: () => undefined,
  }),
  event({
    type: 'alert.unacknowledged',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({ reason: z.string() }),
    sentence: ({ data }) => `Took the acknowledgement of the alert back: ${data.reason}`,
    reason: () => undefined,
  }),
  event({
    type: 'alert.corrected',
    version: 1,
    subject: 'alert',
    within: 'either',
    data: z.strictObject({
      severity: z.strictObject({ from: Severity, to: Severity }).optional(),
      service: z.strictObject({ from: Named.nullable(), to: Named.nullable() }).optional(),
      reason: z.string(),
    }),
    sentence: ({ data: { severity, service, reason } }) =>
      `Corrected the alert: ${[
        ...(severity ? [`severity from ${severity.from} to ${severity.to}`] : []),
        ...(service ? [`service from ${service.from?.name ?? 'none'} to ${service.to?.name ?? 'none'}`] : []),
      ].join(', ')}: ${reason}`,
    reason: () => undefined,
  }),
]
