import { z } from 'zod'
import { At, Email, Filled, Id, IdParams, Line, Reference, Text } from './common.ts'
import { atLeast, open, route } from './route.ts'

export const Integration = z
  .object({
    id: Id,
    kind: z.enum(['alertmanager', 'pagerduty']),
    name: z.string(),
    service: Reference.nullable(),
    createdAt: At,
    lastSeenAt: At.nullable(),
    received: z.number(),
    revokedAt: At.nullable(),
    isDemo: z.boolean(),
  })
  .meta({ id: 'Source' })
export type Integration = z.output<typeof Integration>

const reportBecause = 'anyone can report suspicious activity; limited by rate and size'
export const IntegrationKey = z.object({ key: z.string().max(100) })

/**
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4; version 1 is the webhook of Grafana Alerting, whose alerts have the
 * same members and some more: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/.
 * Texts have no maximum: neither sends again what was refused, so what is too long is cut when it is received.
 */
export const AlertmanagerPayload = z.object({
  version: z.enum(['4', '1'], { message: 'must be "4", the version of the webhook of Alertmanager, or "1", that of Grafana' }),
  groupKey: z.string().default(''),
  receiver: z.string().default(''),
  externalURL: z.string().default(''),
  truncatedAlerts: z.number().default(0),
  alerts: z
    .array(
      z.object({
        status: z.enum(['firing', 'resolved']),
        labels: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.string()).default({}),
        startsAt: z.string().optional(),
        endsAt: z.string().optional(),
        generatorURL: z.string().default(''),
        dashboardURL: z.string().default('').describe('Grafana only'),
        panelURL: z.string().default('').describe('Grafana only'),
        fingerprint: z.string().min(1),
      }),
    )
    .min(1, 'must have at least one alert'),
})

/** https://developer.pagerduty.com/docs/events-api-v2/trigger-events/. Texts have no maximum, as above. */
export const PagerDutyEvent = z
  .object({
    routing_key: z.string().max(100).optional(),
    event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
    dedup_key: z.string().min(1).optional(),
    client: z.string().optional(),
    client_url: z.string().optional(),
    links: z.array(z.object({ href: z.string(), text: z.string().optional() })).default([]),
    images: z.array(z.unknown()).optional(),
    payload: z
      .object({
        summary: Filled,
        source: Filled,
        severity: z.enum(['critical', 'error', 'warning', 'info']),
        timestamp: z.string().optional(),
        component: z.string().optional(),
        group: z.string().optional(),
        class: z.string().optional(),
        custom_details: z.unknown().optional(),
      })
      .optional(),
  })
  .superRefine((event, context) => {
    if (event.event_action === 'trigger' && !event.payload) context.addIssue({ code: 'custom', path: ['payload'], message: 'is required to trigger' })
    if (event.event_action !== 'trigger' && !event.dedup_key)
      context.addIssue({ code: 'custom', path: ['dedup_key'], message: `is required to ${event.event_action}` })
  })
/** https://developer.pagerduty.com/docs/send-alert-event: an event has at most 512 KB. */
const pagerDutyBytes = 524_288
const PagerDutyReply = z.object({ status: z.literal('success'), message: z.string(), dedup_key: z.string() })

export const ReportView = z
  .object({
    reference: z.string(),
    audience: z.enum(['employee', 'customer']),
    receivedAt: At,
    stage: z.enum(['received', 'being-looked-at', 'under-investigation', 'closed']),
    explanation: z.string(),
    text: z.string(),
    files: z.array(z.object({ name: z.string(), sizeBytes: z.number() })),
  })
  .meta({ id: 'ReportView' })
export type ReportView = z.output<typeof ReportView>

export const ReportFile = z.object({
  id: Id,
  name: z.string(),
  sizeBytes: z.number(),
  scan: z
    .enum(['not-scanned', 'pending', 'clean', 'infected', 'removed'])
    .describe('Whether a scanner looked at it: `pending`, `infected` and `removed` files cannot be downloaded; `not-scanned` where no scanner is configured'),
})
export type ReportFile = z.output<typeof ReportFile>

export const ReportInput = z.object({
  audience: z.enum(['employee', 'customer']),
  text: Text(20_000).describe('What happened'),
  happenedAt: z.string().trim().max(200).default('').describe('When it happened, as free text'),
  affected: z.string().trim().max(2_000).default('').describe('Affected systems or data'),
  contactName: Line(120),
  contactEmail: Email,
  code: z.string().trim().max(100).default('').describe('The code of the organization, where its form asks for one'),
})

export const connectorRoutes = {
  integrations: route({
    method: 'GET',
    path: '/api/v1/integrations',
    summary: 'List integrations',
    access: atLeast('responder', 'catalog:read'),
    reply: z.array(Integration),
  }),
  createIntegration: route({
    method: 'POST',
    path: '/api/v1/integrations',
    summary: 'Create an integration; its secret URL is shown only once',
    access: atLeast('lead', 'catalog:write'),
    body: z.object({ kind: z.enum(['alertmanager', 'pagerduty']), name: Line(80), serviceId: Id.nullable().default(null) }),
    reply: z.object({ source: Integration, key: z.string(), url: z.string() }),
    status: 201,
  }),
  revokeIntegration: route({
    method: 'DELETE',
    path: '/api/v1/integrations/{id}',
    summary: 'Revoke an integration key immediately',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
  fromAlertmanager: route({
    method: 'POST',
    path: '/in/{key}/alertmanager',
    summary: 'Webhook of Prometheus Alertmanager (version 4) and Grafana Alerting (version 1)',
    access: open('requires an integration key'),
    params: IntegrationKey,
    body: AlertmanagerPayload,
    isFromOtherSoftware: true,
    reply: z.object({ accepted: z.number() }),
    perMinute: 600_000,
  }),
  fromPagerDuty: route({
    method: 'POST',
    path: '/v2/enqueue',
    summary: 'PagerDuty Events API v2; the routing key is the integration key',
    access: open('requires an integration key as routing_key'),
    body: PagerDutyEvent,
    isFromOtherSoftware: true,
    bodyBytes: pagerDutyBytes,
    reply: PagerDutyReply,
    status: 202,
    perMinute: 600_000,
  }),
  fromPagerDutyIntegration: route({
    method: 'POST',
    path: '/in/{key}/v2/enqueue',
    summary: 'PagerDuty Events API v2 at the secret URL of an integration',
    access: open('requires an integration key'),
    params: IntegrationKey,
    body: PagerDutyEvent,
    isFromOtherSoftware: true,
    bodyBytes: pagerDutyBytes,
    reply: PagerDutyReply,
    status: 202,
    perMinute: 600_000,
  }),
  reportForm: route({
    method: 'GET',
    path: '/api/v1/reports/form',
    summary: 'Whether the public report form takes reports, and asks for a code',
    access: open(reportBecause),
    reply: z.object({ isOpen: z.boolean(), needsCode: z.boolean() }),
  }),
  report: route({
    method: 'POST',
    path: '/api/v1/reports',
    summary: 'Report suspicious activity, with files; returns a reference and a private link',
    access: open(reportBecause),
    consumes: 'multipart/form-data',
    body: ReportInput,
    reply: z.object({ reference: z.string(), link: z.string() }),
    status: 201,
    perMinute: 20,
  }),
  followReport: route({
    method: 'POST',
    path: '/api/v1/reports/follow',
    summary: 'Get the status of a report by its private link',
    access: open('requires the signed link that was given to the reporter'),
    body: z.object({ token: z.string().max(300) }),
    reply: ReportView,
  }),
  reportOfAlert: route({
    method: 'GET',
    path: '/api/v1/alerts/{id}/report',
    summary: 'Get the report of an alert of kind "report"; access is kept in the audit log',
    access: atLeast('responder', 'alerts:read'),
    params: IdParams,
    reply: z.object({
      reference: z.string(),
      audience: z.enum(['employee', 'customer']),
      happenedAt: z.string(),
      affected: z.string(),
      contactName: z.string(),
      contactEmail: z.string(),
      isLinkRevoked: z.boolean(),
      files: z.array(ReportFile),
    }),
    isReadRecorded: true,
  }),
  revokeReportLink: route({
    method: 'DELETE',
    path: '/api/v1/alerts/{id}/report/link',
    summary: 'Revoke the private link with which the reporter follows a report',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
  }),
  reportFile: route({
    method: 'GET',
    path: '/api/v1/report-files/{id}',
    summary: 'Download a file of a report; access is kept in the audit log. With a scanner, only once it was found clean',
    access: atLeast('responder', 'alerts:read'),
    params: IdParams,
    produces: 'application/octet-stream',
    isReadRecorded: true,
  }),
}
