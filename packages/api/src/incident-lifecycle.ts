import { z } from 'zod'
import { Day, IdParams, Reason, Statement, Text, Version } from './common.ts'
import { Incident } from './incident.ts'
import { atLeast, route } from './route.ts'

/** A step in the life of an incident, with its reason. */
const Transition = z.object({ version: Version, reason: Reason })

/** From the declaration of an incident to its closing, and back. */
export const incidentLifecycleRoutes = {
  declareIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/declare',
    summary: 'Declare an incident and start the notification deadlines; requires severity and class',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  containIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/contain',
    summary: 'Mark an incident contained; also from recovered if the attacker has returned',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  eradicateIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/eradicate',
    summary: 'Mark an incident eradicated',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  recoverIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/recover',
    summary: 'Mark an incident recovered, with the known secure state, how it was verified, and the end of the monitoring period',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({
      secureState: Statement(4_000, 'Restored from the image of November 20').describe('What services were restored to'),
      verification: Statement(4_000, 'Compared with the build, two clean scans').describe('How that was checked'),
      monitorUntil: Day.nullable().describe('Last day of the monitoring period; null for none, with a reason'),
      noMonitoringReason: Text(4_000).optional(),
    })
      .refine(({ monitorUntil, noMonitoringReason }) => monitorUntil !== null || noMonitoringReason !== undefined, {
        path: ['noMonitoringReason'],
        message: 'is required without a monitoring period',
      })
      .refine(({ monitorUntil, noMonitoringReason }) => monitorUntil === null || noMonitoringReason === undefined, {
        path: ['noMonitoringReason'],
        message: 'must be omitted where monitorUntil is a date',
      }),
    reply: Incident,
  }),
  extendMonitoring: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/monitoring',
    summary: 'Extend the monitoring period of a recovered incident, or start one',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({ monitorUntil: Day.describe('Last day of the monitoring period') }),
    reply: Incident,
  }),
  closeIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/close',
    summary: 'Close an incident; it cannot be changed afterwards',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition,
    reply: Incident,
  }),
  reopenIncident: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/reopen',
    summary: 'Reopen a closed incident; of a declared one with a new monitoring period, and whether customers who were notified get an update',
    access: atLeast('lead', 'incidents:write'),
    params: IdParams,
    body: Transition.extend({
      monitorUntil: Day.nullable()
        .optional()
        .describe('Required for an incident that was recovered: last day of the monitoring period; null for none, with a reason'),
      noMonitoringReason: Text(4_000).optional(),
      updateCustomers: z
        .boolean()
        .optional()
        .describe('Required where customers were notified: true makes an update due to each in 24 hours; false takes a reason'),
      noUpdateReason: Text(4_000).optional(),
    }),
    reply: Incident,
  }),
}
