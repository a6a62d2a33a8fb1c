import { z } from 'zod'
import { At, Id, IdParams, Instant, Line, Severity, UpdatedQuery } from './common.ts'
import { atLeast, open, route } from './route.ts'
import { ZonedHours } from './schedules.ts'

/** Which alerts: all that is said must hold; at least one thing must be said. */
export const AlertMatchers = z.object({
  serviceIds: z.array(Id).max(100).default([]).describe('One of these services'),
  severities: z.array(Severity).max(5).default([]),
  source: z.string().trim().max(200).default('').describe('Exact name of the source'),
  titleContains: z.string().trim().max(200).default('').describe('Case-insensitive'),
})
export type AlertMatchers = z.output<typeof AlertMatchers>

const span = {
  start: Instant,
  end: Instant.describe('must end within a year'),
}
const SilenceFields = z.object({
  matchers: AlertMatchers.refine(
    one => one.serviceIds.length + one.severities.length > 0 || one.source !== '' || one.titleContains !== '',
    'must have at least one condition',
  ),
  reason: Line(500).describe('Reason for the silence'),
  hours: ZonedHours.nullable().default(null).describe('Recurring maintenance: active only during these hours'),
})

export const SilenceInput = SilenceFields.extend(span).refine(({ start, end }) => start < end, { path: ['end'], message: 'must be later than start' })
export const Silence = SilenceFields.extend({
  ...{ id: Id, start: At, end: At, author: z.string(), createdAt: At },
  isActive: z.boolean().describe('Active now'),
  held: z.number().describe('Number of alerts that did not page because of it'),
}).meta({ id: 'Silence' })
export type Silence = z.output<typeof Silence>

export const Heartbeat = z
  .object({
    id: Id,
    name: z.string(),
    serviceId: Id.nullable(),
    severity: Severity,
    everyMinutes: z.number(),
    lastHeartbeatAt: At.nullable(),
    expectedBy: At,
    state: z.enum(['new', 'healthy', 'silent']),
    createdAt: At,
  })
  .meta({ id: 'Heartbeat' })
export type Heartbeat = z.output<typeof Heartbeat>

export const silenceRoutes = {
  silences: route({
    method: 'GET',
    path: '/api/v1/silences',
    summary: 'List active and upcoming silences and maintenance windows',
    access: atLeast('observer', 'alerts:read'),
    query: UpdatedQuery,
    reply: z.array(Silence),
  }),
  addSilence: route({
    method: 'POST',
    path: '/api/v1/silences',
    summary: 'Silence alerts for a time: they go to the triage queue, and alerts still open at the end page then',
    access: atLeast('lead', 'alerts:write'),
    body: SilenceInput,
    reply: Silence,
    status: 201,
  }),
  endSilence: route({
    method: 'POST',
    path: '/api/v1/silences/{id}/end',
    summary: 'End a silence now; alerts that are still open page',
    access: atLeast('lead', 'alerts:write'),
    params: IdParams,
  }),
  heartbeats: route({
    method: 'GET',
    path: '/api/v1/heartbeats',
    summary: 'List heartbeat monitors and their last heartbeat',
    access: atLeast('observer', 'alerts:read'),
    query: UpdatedQuery,
    reply: z.array(Heartbeat),
  }),
  addHeartbeat: route({
    method: 'POST',
    path: '/api/v1/heartbeats',
    summary: 'Create a heartbeat monitor: a missed heartbeat raises an alert. The secret URL is shown only once',
    access: atLeast('lead', 'alerts:write'),
    body: z.object({
      name: Line(120),
      serviceId: Id.nullable().default(null),
      severity: Severity.default('high'),
      everyMinutes: z
        .number()
        .int()
        .min(1, 'must be at least 1 minute')
        .max(60 * 24 * 40, 'must be at most 40 days')
        .describe('Maximum minutes between heartbeats, such as 1560 (26 hours) for a daily job'),
    }),
    reply: z.object({ heartbeat: Heartbeat, url: z.string() }),
    status: 201,
  }),
  removeHeartbeat: route({
    method: 'DELETE',
    path: '/api/v1/heartbeats/{id}',
    summary: 'Delete a heartbeat monitor',
    access: atLeast('lead', 'alerts:write'),
    params: IdParams,
  }),
  heartbeat: route({
    method: 'POST',
    path: '/heartbeat/{token}',
    summary: 'Send a heartbeat',
    access: open('requires the secret token in the URL'),
    params: z.object({ token: z.string().max(100) }),
    perMinute: 600,
  }),
  heartbeatByGet: route({
    method: 'GET',
    path: '/heartbeat/{token}',
    summary: 'Send a heartbeat by GET',
    access: open('requires the secret token in the URL'),
    params: z.object({ token: z.string().max(100) }),
    isReadRecorded: true,
    perMinute: 600,
  }),
}
