import { z } from 'zod'
import { Alert, AlertSelection, alertSorts } from './alerts.ts'
import { At, PageQuery, pageOf, Reference } from './common.ts'
import { pageStates } from './paging.ts'
import { atLeast, route } from './route.ts'

/** An alert as a row of a table: what triage decides by, without the long texts. */
export const AlertRow = z
  .object({
    ...Alert.pick({
      ...{ id: true, number: true, kind: true, title: true, severity: true, status: true, service: true, source: true, count: true },
      ...{ firstSeenAt: true, lastSeenAt: true, assignee: true, incident: true, isDemo: true, isExercise: true },
    }).shape,
    host: z.string().nullable().describe('The first host among its observables'),
    user: z.string().nullable().describe('The first user account among its observables'),
    rule: z.string().nullable().describe('ID of the detection rule that raised it'),
    isSilenced: z.boolean().describe('A silence keeps it from paging'),
    page: z
      .object({
        state: z.enum(pageStates),
        acknowledgedBy: z.string().nullable(),
        nextEscalationAt: At.nullable(),
        team: Reference.nullable(),
      })
      .nullable()
      .describe('Its latest page'),
  })
  .meta({ id: 'AlertRow' })
export type AlertRow = z.output<typeof AlertRow>

export const alertRowRoutes = {
  alertRows: route({
    method: 'GET',
    path: '/api/v1/alerts/rows',
    summary: 'List alerts by a filter as rows of a table: without their texts, with the state of their pages',
    access: atLeast('observer', 'alerts:read'),
    query: PageQuery.extend({ ...AlertSelection.shape, sort: z.enum(alertSorts).default('newest').describe('As of the list of alerts') }),
    reply: pageOf(AlertRow).extend({
      isApproximate: z.boolean().describe('No alert contains the text of the filter: these have similar words in their titles'),
    }),
  }),
}
