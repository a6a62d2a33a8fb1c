import { z } from 'zod'
import { dispositions } from './alerts.ts'
import { At, Id, IdParams, Line, Responsibility, Severity, Text } from './common.ts'
import { atLeast, route } from './route.ts'

/** What can be done with many alerts at once. */
export const alertActs = ['acknowledge', 'dismiss', 'reopen', 'assign', 'unassign', 'correct', 'escalate'] as const
export type AlertAct = (typeof alertActs)[number]

/** The most alerts that one act is about. */
export const maxAlertsOfAct = 5_000
/** An act can be undone for so long. */
export const undoHours = 24

const fieldsOf: Readonly<Record<AlertAct, { readonly needed: readonly Field[]; readonly allowed: readonly Field[] }>> = {
  acknowledge: { needed: [], allowed: [] },
  dismiss: { needed: ['value', 'responsibility', 'reason'], allowed: ['duplicateOf'] },
  reopen: { needed: ['reason'], allowed: [] },
  assign: { needed: ['assigneeId'], allowed: [] },
  unassign: { needed: [], allowed: [] },
  correct: { needed: ['reason'], allowed: ['severity', 'serviceId'] },
  escalate: { needed: ['responsibility', 'reason'], allowed: ['incidentId', 'title'] },
}

const given = {
  value: z.enum(dispositions).optional().describe('dismiss: the disposition of each of the alerts'),
  responsibility: Responsibility.optional(),
  reason: Text(4_000).optional().describe('One reason for all of the alerts; kept in the audit log of each'),
  duplicateOf: Id.optional().describe('dismiss as duplicate: ID of the alert that all of them repeat'),
  assigneeId: Id.optional().describe('assign: ID of a person who can answer pages'),
  severity: Severity.optional().describe('correct: the severity that the alerts have from now on'),
  serviceId: Id.nullable().optional().describe('correct: ID of the service that the alerts are about; null for none'),
  incidentId: Id.optional().describe('escalate: the open incident that they become part of; without it a new incident is opened'),
  title: Line(200).optional().describe('escalate: the title of the new incident; without it that of the most severe alert'),
}
type Field = keyof typeof given
const names = Object.keys(given) as Field[]

/** An act on alerts: what it needs depends on the act, and what belongs to another one is refused. */
const AlertActInput = z
  .object({
    act: z.enum(alertActs),
    ids: z.array(Id).min(1, 'must name at least one alert').max(maxAlertsOfAct, 'must name at most 5,000 alerts'),
    ...given,
  })
  .superRefine((input, context) => {
    const refuse = (field: Field, message: string) => context.addIssue({ code: 'custom', path: [field], message })
    const { needed, allowed } = fieldsOf[input.act]
    for (const field of names) {
      if (needed.includes(field) && input[field] === undefined) refuse(field, `is required to ${input.act} alerts`)
      if (!needed.includes(field) && !allowed.includes(field) && input[field] !== undefined) refuse(field, `must be omitted to ${input.act} alerts`)
    }
    if (input.act === 'dismiss' && (input.value === 'duplicate') !== (input.duplicateOf !== undefined))
      refuse(
        'duplicateOf',
        input.value === 'duplicate' ? 'is required: the ID of the alert that they repeat' : 'must be omitted unless the disposition is duplicate',
      )
    if (input.act === 'correct' && input.severity === undefined && input.serviceId === undefined)
      refuse('severity', 'is required, or serviceId: what is to be corrected')
    if (input.act === 'escalate' && input.incidentId !== undefined && input.title !== undefined)
      refuse('title', 'must be omitted where incidentId names an incident: that one keeps its title')
  })
export type AlertActInput = z.output<typeof AlertActInput>

export const AlertActResult = z
  .object({
    done: z.number().describe('Number of alerts that the act changed'),
    skipped: z
      .array(z.object({ why: z.string().describe('A sentence such as “3 alerts were already dismissed.”'), ids: z.array(Id) }))
      .describe('The alerts that the act left as they were, by reason'),
    undo: z.object({ id: Id, until: At }).nullable().describe('What undoes the act, and until when; null where it changed nothing'),
    incident: z.object({ id: Id, number: z.number() }).nullable().describe('escalate: the incident that they are part of'),
  })
  .meta({ id: 'AlertActResult' })
export type AlertActResult = z.output<typeof AlertActResult>

export const alertActRoutes = {
  actOnAlerts: route({
    method: 'POST',
    path: '/api/v1/alerts/acts',
    summary:
      'Acknowledge, dismiss, reopen, assign, unassign, correct or escalate up to 5,000 alerts in one transaction; those that it does not apply to are skipped, with the reason. A service account cannot escalate by this route',
    access: atLeast('responder', 'alerts:write'),
    body: AlertActInput,
    reply: AlertActResult,
  }),
  undoAlertAct: route({
    method: 'POST',
    path: '/api/v1/alerts/acts/{id}/undo',
    summary: 'Undo an act on alerts within 24 hours; alerts that changed since are left as they are. For who did it, and for administrators',
    access: atLeast('responder', 'alerts:write'),
    params: IdParams,
    reply: AlertActResult,
  }),
}
