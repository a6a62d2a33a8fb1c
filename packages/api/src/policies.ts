import { z } from 'zod'
import { Id, IdParams, Line, SameTeamId, UpdatedQuery, Version } from './common.ts'
import { atLeast, route } from './route.ts'
import { Urgency, ZonedHours } from './schedules.ts'

/** Whom a level of an escalation policy pages. */
export const PageTarget = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('tier'), tierId: Id.describe('ID of a tier of the team; stable when tiers are renamed, reordered or added') }),
  z.object({ kind: z.literal('schedule'), scheduleId: Id, position: z.number().int().min(0).max(9).default(0) }),
  z.object({ kind: z.literal('person'), personId: Id }),
  z.object({ kind: z.literal('team'), teamId: Id.describe('All members of the team') }),
  z.object({ kind: z.literal('everyone') }).describe('All members of the paged team'),
  z.object({ kind: z.literal('channel'), channelId: Id.describe('A team channel; posting there doesn’t count as notifying a person') }),
])
export type PageTarget = z.output<typeof PageTarget>

const levelShape = {
  targets: z.array(PageTarget).max(20).describe('If empty, the level only waits'),
  waitMinutes: z.number().int().min(0).max(1_440, 'must be at most 1440 minutes').describe('Minutes until the next level'),
  acknowledgements: z.number().int().min(1).max(10).optional().describe('Number of acknowledgements required to stop the escalation'),
  when: ZonedHours.optional().describe('The level applies only during these hours'),
  urgency: Urgency.optional().describe('The level applies only to pages of this urgency'),
  whenEmpty: z.enum(['fallback', 'skip', 'wait']).optional().describe('If no target is on call: page the fallback (default), skip to the next level, or wait'),
}
export const EscalationLevel = z.object({
  id: Id.describe('Stable: open pages continue from their level when others are added, removed or moved'),
  ...levelShape,
})
export type EscalationLevel = z.output<typeof EscalationLevel>
export const EscalationLevelInput = z.object({
  id: Id.optional().describe('ID of an existing level; without it, a level that pages the same keeps its ID, and any other is new'),
  ...levelShape,
})
export type EscalationLevelInput = z.output<typeof EscalationLevelInput>

export const PolicyInput = z.object({
  name: Line(80),
  levels: z.array(EscalationLevelInput).min(1, 'must have at least one level').max(20),
  repeats: z.number().int().min(0).max(9).default(2).describe('Number of times to repeat the levels if nobody acknowledges'),
  businessHours: ZonedHours.nullable().default(null).describe('Low-urgency pages escalate only during these hours'),
})

/** Who is paged about something, in which order. */
export const Policy = PolicyInput.extend({ id: Id, teamId: Id, levels: z.array(EscalationLevel), version: Version }).meta({ id: 'EscalationPolicy' })
export type Policy = z.output<typeof Policy>

export const policyRoutes = {
  policies: route({
    method: 'GET',
    path: '/api/v1/policies',
    summary: 'List the escalation policies of all teams',
    access: atLeast('observer', 'catalog:read'),
    query: UpdatedQuery,
    reply: z.array(Policy),
  }),
  savePolicy: route({
    method: 'POST',
    path: '/api/v1/teams/{id}/policies',
    summary: 'Create an escalation policy for a team, or update it if id and version are given; also applies to pages not sent yet',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
    body: PolicyInput.extend({ id: Id.optional(), teamId: SameTeamId, version: Version.optional() }),
    reply: Policy,
  }),
  removePolicy: route({
    method: 'DELETE',
    path: '/api/v1/policies/{id}',
    summary: 'Delete a policy that no team uses',
    access: atLeast('lead', 'catalog:write'),
    params: IdParams,
  }),
}
