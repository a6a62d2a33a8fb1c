import { z } from 'zod'
import { At, ChangingQuery, FilterText, Id, IdParams, IsExercise, Line, PageQuery, pageOf, Reference, Responsibility, Severity, Text } from './common.ts'
import { Observable, ObservablesInput } from './observables.ts'
import { atLeast, route } from './route.ts'

const isWebLink = (url: string) => /^https?:\/\//i.test(url)
export const Link = z.object({
  url: z.url('must be a URL').max(2_000).refine(isWebLink, 'must start with http:// or https://'),
  text: z.string().trim().max(200).default(''),
})

export const AlertInput = z
  .object({
    title: Line(300),
    severity: Severity,
    service: z.string().trim().max(80).optional().describe('Name or ID of a service in the catalog'),
    dedupKey: Text(300).optional().describe('Alerts of one API key with the same key about the same service are occurrences of one alert while it is open'),
    source: Line(100).default('api'),
    labels: z
      .record(z.string().max(100), z.string().max(1_000))
      .default({})
      .refine(labels => Object.keys(labels).length <= 50, 'must have at most 50 labels'),
    links: z.array(Link).max(20, 'must have at most 20 links').default([]),
    description: z.string().trim().max(20_000).default(''),
    observables: ObservablesInput.default([]),
    isExercise: IsExercise,
  })
  .meta({ id: 'AlertInput' })
export type AlertInput = z.output<typeof AlertInput>

/** One bound wherever the alerts of an incident are named. */
export const AlertIds = z.array(Id).max(500).default([])
export const alertStatuses = ['open', 'acknowledged', 'escalated', 'dismissed', 'resolved'] as const
export const dispositions = ['true-positive', 'false-positive', 'benign-true-positive', 'not-security', 'duplicate'] as const

export const Alert = z
  .object({
    id: Id,
    number: z.number(),
    kind: z.enum(['alert', 'report']),
    title: z.string(),
    severity: Severity,
    status: z.enum(alertStatuses),
    service: Reference.nullable(),
    dedupKey: z.string().nullable(),
    source: z.string(),
    labels: z.record(z.string(), z.string()),
    links: z.array(z.object({ url: z.string(), text: z.string() })),
    description: z.string(),
    observables: z.array(Observable),
    count: z.number().describe('Number of occurrences while open'),
    firstSeenAt: At,
    lastSeenAt: At,
    sourceResolvedAt: At.nullable().describe('When its source reported it as resolved'),
    acknowledgedBy: z.string().nullable(),
    acknowledgedAt: At.nullable(),
    assignee: Reference.nullable().describe('Whose work it is; null while it is unassigned'),
    disposition: z
      .object({
        outcome: z.enum(['dismissed', 'escalated']),
        value: z.enum(dispositions).nullable(),
        responsibility: Responsibility,
        reason: z.string(),
        by: z.string(),
        at: At,
        duplicateOf: z.object({ id: Id, number: z.number() }).nullable().describe('The alert that a duplicate repeats, if the caller can see it'),
      })
      .nullable(),
    incident: z.object({ id: Id, number: z.number() }).nullable(),
    isDemo: z.boolean(),
    isExercise: z.boolean(),
  })
  .meta({ id: 'Alert' })
export type Alert = z.output<typeof Alert>

export const AlertOccurrence = z
  .object({
    number: z.number().describe('1 for the first occurrence of the alert'),
    at: At,
    ...Alert.pick({ severity: true, title: true, description: true, observables: true, links: true, labels: true }).shape,
  })
  .meta({ id: 'AlertOccurrence' })
export type AlertOccurrence = z.output<typeof AlertOccurrence>

export const alertViews = ['triage', 'all'] as const
export const alertSorts = ['severity', 'newest', 'oldest', 'lastSeen', 'count'] as const
/** Which alerts. */
export const AlertSelection = z.object({ view: z.enum(alertViews).default('triage'), filter: FilterText })

export const alertRoutes = {
  createAlerts: route({
    method: 'POST',
    path: '/api/v1/alerts',
    summary: 'Send one alert or a batch; a batch with one invalid alert is rejected as a whole',
    access: atLeast('responder', 'alerts:write'),
    body: z.union([z.array(AlertInput).min(1, 'must have at least one alert').max(500, 'must have at most 500 alerts'), AlertInput]),
    reply: z.object({ alerts: z.array(z.object({ id: Id, number: z.number(), isNew: z.boolean(), count: z.number() })) }),
    status: 202,
    perMinute: 600_000,
  }),
  alerts: route({
    method: 'GET',
    path: '/api/v1/alerts',
    summary: 'List alerts by a filter; `triage` lists those in the triage queue',
    access: atLeast('observer', 'alerts:read'),
    query: ChangingQuery.extend({
      ...AlertSelection.shape,
      sort: z.enum(alertSorts).default('newest').describe('`severity` (most severe, then oldest), `newest`, `oldest`, `lastSeen` or `count`'),
    }),
    reply: pageOf(Alert).extend({ isApproximate: z.boolean().describe('No alert contains the text of the filter: these have similar words in their titles') }),
  }),
  alert: route({
    method: 'GET',
    path: '/api/v1/alerts/{id}',
    summary: 'Get an alert; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'alerts:read'),
    params: IdParams,
    reply: Alert,
    isReadRecorded: true,
  }),
  alertOccurrences: route({
    method: 'GET',
    path: '/api/v1/alerts/{id}/occurrences',
    summary:
      'List what an alert said each time it was received, newest first: its latest 50 occurrences; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'alerts:read'),
    params: IdParams,
    query: PageQuery,
    reply: pageOf(AlertOccurrence),
    isReadRecorded: true,
  }),
  acknowledgeAlert: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/acknowledge',
    summary: 'Acknowledge an alert and stop the escalation of its page',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: Alert,
  }),
  dismissAlert: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/dismiss',
    summary: 'Dismiss an alert with a disposition',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z
      .object({
        value: z
          .enum(dispositions)
          .describe(
            'true-positive: handled without an incident; not-security: does not affect confidentiality, integrity or availability, such as a compliance event',
          ),
        responsibility: Responsibility,
        reason: Text(4_000),
        duplicateOf: Id.optional().describe('ID of the alert that a duplicate repeats'),
      })
      .refine(({ value, duplicateOf }) => value !== 'duplicate' || duplicateOf !== undefined, {
        path: ['duplicateOf'],
        message: 'is required: the ID of the alert that it repeats',
      })
      .refine(({ value, duplicateOf }) => value === 'duplicate' || duplicateOf === undefined, {
        path: ['duplicateOf'],
        message: 'must be omitted unless the disposition is duplicate',
      }),
    reply: Alert,
  }),
  reopenAlert: route({
    method: 'POST',
    path: '/api/v1/alerts/{id}/reopen',
    summary: 'Take back the disposition of a dismissed alert: it returns to the triage queue',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    body: z.object({ reason: Text(4_000) }),
    reply: Alert,
  }),
}
