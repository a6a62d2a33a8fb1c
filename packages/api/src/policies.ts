import { z } from 'zod'
import { Id, IdParams, Line, Version } from './common.ts'
import { atLeast, route } from './route.ts'
import { ZonedHours } from './schedules.ts'

/** Whom a step of an escalation policy pages. */
export const PageTarget = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tier'), tierId: Id.describe('A tier of the team, by its id: it stays the same when tiers are renamed, reordered or added') }),
  z.object({ kind: z.literal('schedule'), scheduleId: Id, position: z.number().int().min(0).max(9).default(0) }),
  z.object({ kind: z.literal('person'), personId: Id }),
  z.object({ kind: z.literal('team'), teamId: Id.describe('All its members') }),
  z.object({ kind: z.literal('everyone') }).describe('All members of the team that is paged'),
  z.object({ kind: z.literal('channel'), channelId: Id.describe('A channel where the team talks; nobody is alone in having heard it') }),
])
export type PageTarget = z.output<typeof PageTarget>

export const EscalationLevel = z.object({
  targets: z.array(PageTarget).max(20).describe('None: the step only waits'),
  waitMinutes: z.number().int().min(0).max(1_440, 'must be at most a day').describe('Until the next step'),
  acknowledgements: z.number().int().min(1).max(10).optional().describe('So many people have to acknowledge before it stops climbing'),
  when: ZonedHours.optional().describe('The step counts only in these hours'),
  urgency: z.enum(['high', 'low']).optional().describe('The step counts only for pages of this urgency'),
  whenEmpty: z.enum(['fallback', 'skip', 'wait']).optional().describe('Where its targets are nobody: page the fallback (the default), go on at once, or wait'),
})
export type EscalationLevel = z.output<typeof EscalationLevel>

export const PolicyInput = z.object({
  name: Line(80),
  levels: z.array(EscalationLevel).min(1, 'name at least one step').max(20),
  repeats: z.number().int().min(0).max(9).default(2).describe('Times that the steps run again when nobody answers'),
  businessHours: ZonedHours.nullable().default(null).describe('Pages of low urgency climb in these hours only'),
})

/** Who is paged about something, in which order. */
export const Policy = PolicyInput.extend({ id: Id, teamId: Id, version: Version }).meta({ id: 'EscalationPolicy' })
export type Policy = z.output<typeof Policy>

export const policyRoutes = {
  policies: route({
    method: 'GET',
    path: '/api/v1/policies',
    summary: 'The escalation policies of all teams',
    access: atLeast('observer', 'catalog:read'),
    reply: z.array(Policy),
  }),
  savePolicy: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/policies',
    summary: 'Add an escalation policy to a team, or change the one whose id and version are given; pages that have not been sent yet follow it at once',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: PolicyInput.extend({ id: Id.optional(), version: Version.optional() }),
    reply: Policy,
  }),
  removePolicy: route({
    method: 'DELETE',
    path: '/api/v1/policies/{id}',
    summary: 'Remove a policy that no team uses',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
}
