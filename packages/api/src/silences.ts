import { z } from 'zod'
import { At, Id, IdParams, Instant, Line, Severity } from './common.ts'
import { atLeast, open, route } from './route.ts'
import { ZonedHours } from './schedules.ts'

/** Which alerts: all that is said must hold; at least one thing must be said. */
export const AlertMatchers = z.object({
  serviceIds: z.array(Id).max(100).default([]).describe('About one of these services'),
  severities: z.array(Severity).max(5).default([]),
  source: z.string().trim().max(200).default('').describe('From this source, exactly'),
  titleContains: z.string().trim().max(200).default('').describe('In small letters or large'),
})
export type AlertMatchers = z.output<typeof AlertMatchers>

const span = {
  start: Instant,
  end: Instant.describe('A silence has an end: a year at the most'),
}
const SilenceFields = z.object({
  matchers: AlertMatchers.refine(
    one => one.serviceIds.length + one.severities.length > 0 || one.source !== '' || one.titleContains !== '',
    'must say something: a silence over everything hides everything',
  ),
  reason: Line(500).describe('Why, for whoever wonders where the pages are'),
  hours: ZonedHours.nullable().default(null).describe('Recurring maintenance: it counts only in these hours'),
})

export const SilenceInput = SilenceFields.extend(span).refine(({ start, end }) => start < end, { path: ['end'], message: 'must be later than start' })
export const Silence = SilenceFields.extend({
  ...{ id: Id, start: At, end: At, author: z.string(), createdAt: At },
  isActive: z.boolean().describe('It holds now'),
  held: z.number().describe('Alerts that did not page because of it'),
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
    summary: 'Silences and maintenance windows that hold now or will',
    access: atLeast('observer', 'alerts:read'),
    reply: z.array(Silence),
  }),
  addSilence: route({
    method: 'POST',
    path: '/api/v1/silences',
    summary: 'Keep alerts from paging for a time; they wait in the queue, and what is still open at the end pages then',
    access: atLeast('lead', 'alerts:write'),
    body: SilenceInput,
    reply: Silence,
    status: 201,
  }),
  endSilence: route({
    method: 'POST',
    path: '/api/v1/silences/{id}/end',
    summary: 'End a silence now; what is still open pages',
    access: atLeast('lead', 'alerts:write'),
    params: IdParams,
  }),
  heartbeats: route({
    method: 'GET',
    path: '/api/v1/heartbeats',
    summary: 'What is expected to give a sign of life, and when it last did',
    access: atLeast('observer', 'alerts:read'),
    reply: z.array(Heartbeat),
  }),
  addHeartbeat: route({
    method: 'POST',
    path: '/api/v1/heartbeats',
    summary: 'Expect a sign of life: when it stays away for longer, an alert is raised and pages. The address is shown this once',
    access: atLeast('lead', 'alerts:write'),
    body: z.object({
      name: Line(120),
      serviceId: Id.nullable().default(null),
      severity: Severity.default('high'),
      everyMinutes: z
        .number()
        .int()
        .min(1, 'must be at least 1')
        .max(60 * 24 * 40, 'must be at most 40 days')
        .describe('It is silent when nothing came for so long: 26 hours for a job that runs daily'),
    }),
    reply: z.object({ heartbeat: Heartbeat, url: z.string() }),
    status: 201,
  }),
  removeHeartbeat: route({
    method: 'DELETE',
    path: '/api/v1/heartbeats/{id}',
    summary: 'Expect it no longer',
    access: atLeast('lead', 'alerts:write'),
    params: IdParams,
  }),
  heartbeat: route({
    method: 'POST',
    path: '/heartbeat/{token}',
    summary: 'A sign of life',
    access: open('needs the secret token in the address, and can do nothing else'),
    params: z.object({ token: z.string().max(100) }),
    perMinute: 600,
  }),
  heartbeatByGet: route({
    method: 'GET',
    path: '/heartbeat/{token}',
    summary: 'A sign of life, from what can only fetch',
    access: open('needs the secret token in the address, and can do nothing else'),
    params: z.object({ token: z.string().max(100) }),
    isReadRecorded: true,
    perMinute: 600,
  }),
}
