import { z } from 'zod'
import { At, Email, Erasure, Filled, Id, IdParams, Line, Reference, Severity, Text, UpdatedQuery } from './common.ts'
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
    severities: z.record(z.string(), Severity).describe('What its names of severities mean, beyond the common ones'),
    isDemo: z.boolean(),
  })
  .meta({ id: 'Source' })
export type Integration = z.output<typeof Integration>

const SeverityMap = z
  .record(Line(60), Severity)
  .refine(map => Object.keys(map).length <= 50, 'must have at most 50 names')
  .describe(
    'What names of severities of this tool mean, such as {"ticket": "low"}. They come before the common ones; a name that is not known is high, with a note',
  )

const reportBecause = 'anyone can report suspicious activity; limited by rate and size'
export const IntegrationKey = z.object({ key: z.string().max(100) })

/** A text of other software, which sends nothing again that was refused: numbers are texts, and what is missing or none is empty. */
const LooseText = z
  .union([z.string(), z.number(), z.boolean()])
  .optional()
  .transform(value => (value === undefined ? '' : String(value)))
  .catch('')
const LooseTexts = z.record(z.string(), LooseText).default({}).catch({})
const OptionalText = LooseText.transform(text => (text === '' ? undefined : text))

/**
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, version 4; version 1 is the webhook of Grafana Alerting, whose alerts have the
 * same members and some more: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/.
 * Texts have no maximum: neither sends again what was refused, so what is too long is cut when it is received.
 */
export const AlertmanagerPayload = z.object({
  version: z.enum(['4', '1'], { message: 'must be "4", the version of the webhook of Alertmanager, or "1", that of Grafana' }),
  groupKey: LooseText,
  receiver: LooseText,
  externalURL: LooseText,
  truncatedAlerts: z.number().default(0).catch(0),
  alerts: z
    .array(
      z.object({
        status: z.enum(['firing', 'resolved']).default('firing').catch('firing').describe('What is not resolved fires'),
        labels: LooseTexts,
        annotations: LooseTexts,
        startsAt: LooseText,
        endsAt: LooseText,
        generatorURL: LooseText,
        dashboardURL: LooseText.describe('Grafana only'),
        panelURL: LooseText.describe('Grafana only'),
        fingerprint: LooseText.describe('Without one, its labels identify the alert'),
      }),
    )
    .min(1, 'must have at least one alert'),
})

/** https://developer.pagerduty.com/docs/events-api-v2/trigger-events/. Texts have no maximum, as above. */
export const PagerDutyEvent = z
  .object({
    routing_key: z.string().max(100).optional(),
    event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
    dedup_key: OptionalText,
    client: OptionalText,
    client_url: OptionalText,
    links: z
      .array(z.object({ href: LooseText, text: OptionalText }))
      .default([])
      .catch([]),
    images: z.unknown().optional(),
    payload: z
      .object({
        summary: z.union([Filled, z.number().transform(String)]),
        source: OptionalText,
        severity: OptionalText.describe('`critical`, `error`, `warning` or `info`; other names as the integration maps them'),
        timestamp: OptionalText,
        component: OptionalText,
        group: OptionalText,
        class: OptionalText,
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
    query: UpdatedQuery,
    reply: z.array(Integration),
  }),
  createIntegration: route({
    method: 'POST',
    path: '/api/v1/integrations',
    summary: 'Create an integration; its secret URL is shown only once',
    access: atLeast('lead', 'catalog:write'),
    body: z.object({
      kind: z.enum(['alertmanager', 'pagerduty']),
      name: Line(80),
      serviceId: Id.nullable().default(null),
      severities: SeverityMap.default({}),
    }),
    reply: z.object({ source: Integration, key: z.string(), url: z.string() }),
    status: 201,
  }),
  saveSeverities: route({
    method: 'PUT',
    path: '/api/v1/integrations/{id}/severities',
    summary: 'Set what the names of severities of an integration mean; applies to alerts from then on',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: z.object({ severities: SeverityMap }),
    reply: Integration,
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
      erasure: Erasure.nullable().describe('Who erased what the reporter wrote, when and why; null where it was not'),
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
