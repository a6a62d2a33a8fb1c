import { z } from 'zod'
import { event } from './event.ts'
import { Count, Id, Role, Severity, TeamKind } from './vocabulary.ts'

const Team = z.strictObject({ name: z.string(), kind: TeamKind, memberIds: z.array(Id) })
const Service = z.strictObject({ name: z.string(), description: z.string(), securityTeamId: Id, engineeringTeamId: Id, pageFrom: Severity })
const Customer = z.strictObject({
  name: z.string(),
  region: z.string(),
  terms: z.string(),
  noticeHours: Count,
  contacts: z.array(z.strictObject({ name: z.string(), email: z.string() })),
  serviceIds: z.array(Id),
})

/** People, teams, services, customers. */
export const directoryEvents = [
  event({ type: 'person.entered', version: 1, subject: 'person', within: 'none', data: z.strictObject({ email: z.string(), role: Role }) }),
  event({
    type: 'person.changed',
    version: 1,
    subject: 'person',
    within: 'none',
    data: z.strictObject({
      /** Not in the first entries. */
      name: z.string().optional(),
      role: Role.optional(),
      isActive: z.boolean().optional(),
      resetSecondFactor: z.boolean().optional(),
      reason: z.string().optional(),
      before: z.strictObject({ role: Role, isActive: z.boolean() }),
    }),
  }),
  event({ type: 'team.added', version: 1, subject: 'team', within: 'none', data: Team }),
  event({ type: 'team.changed', version: 1, subject: 'team', within: 'none', data: z.strictObject({ ...Team.shape, before: Team }) }),
  event({ type: 'service.added', version: 1, subject: 'service', within: 'none', data: Service }),
  event({ type: 'service.changed', version: 1, subject: 'service', within: 'none', data: z.strictObject({ ...Service.shape, before: Service }) }),
  event({ type: 'customer.added', version: 1, subject: 'customer', within: 'none', data: Customer }),
  event({ type: 'customer.changed', version: 1, subject: 'customer', within: 'none', data: z.strictObject({ ...Customer.shape, before: Customer }) }),
  event({ type: 'organization.applied', version: 1, subject: 'organization', within: 'none', data: z.strictObject({ added: Count, changed: Count }) }),
] as const
