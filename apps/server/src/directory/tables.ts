import { noticeStarts, noticeUnits, severities, weekdays } from '@tocsin/api'
import { boolean, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { people } from '../access/tables.ts'
import { choice, id, json, table } from '../kernel/columns.ts'

export const services = table(
  'services',
  {
    id: id(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    securityTeamId: uuid('security_team_id')
      .notNull()
      .references(() => teams.id),
    /** Null until one is chosen: the security team is asked meanwhile. */
    engineeringTeamId: uuid('engineering_team_id').references(() => teams.id),
    pageFrom: choice('page_from', severities).notNull(),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  self => [uniqueIndex('services_name').on(self.name)],
)

/** Which days people work: what contracts in business days count by. */
export const calendars = table(
  'calendars',
  {
    id: id(),
    name: text('name').notNull(),
    timeZone: text('time_zone').notNull(),
    workdays: json('workdays', z.array(z.enum(weekdays))).notNull(),
    holidays: json('holidays', z.array(z.string())).notNull(),
    version: integer('version').notNull().default(1),
  },
  self => [uniqueIndex('calendars_name').on(self.name)],
)

export const customers = table(
  'customers',
  {
    id: id(),
    name: text('name').notNull(),
    region: text('region').notNull(),
    terms: text('terms').notNull(),
    noticeStart: choice('notice_start', noticeStarts).notNull().default('declared'),
    noticeAmount: integer('notice_amount').notNull().default(72),
    noticeUnit: choice('notice_unit', noticeUnits).notNull().default('hours'),
    /** Of a period in days; null for the default: Monday to Friday in UTC, without holidays. */
    calendarId: uuid('calendar_id').references(() => calendars.id),
    /** A customer whose contacts cannot be read is still owed its notifications. */
    contacts: json('contacts', z.array(z.object({ name: z.string(), email: z.string(), isAlternate: z.boolean().default(false) })), []).notNull(),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  self => [uniqueIndex('customers_name').on(self.name)],
)

export const customerServices = table(
  'customer_services',
  {
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id, { onDelete: 'cascade' }),
    serviceId: uuid('service_id')
      .notNull()
      .references(() => services.id, { onDelete: 'cascade' }),
  },
  self => [primaryKey({ columns: [self.customerId, self.serviceId] })],
)

export const teams = table(
  'teams',
  {
    id: id(),
    name: text('name').notNull(),
    kind: choice('kind', ['security', 'engineering']).notNull(),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  self => [uniqueIndex('teams_name').on(self.name)],
)

export const teamMembers = table(
  'team_members',
  {
    teamId: uuid('team_id')
      .notNull()
      .references(() => teams.id, { onDelete: 'cascade' }),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
  },
  self => [primaryKey({ columns: [self.teamId, self.personId] })],
)
