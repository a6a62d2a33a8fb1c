import type { Severity } from '@tocsin/api'
import { boolean, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { people } from '../access/tables.ts'
import { choice, id, json } from '../kernel/columns.ts'

export const services = pgTable(
  'services',
  {
    id: id(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    securityTeamId: uuid('security_team_id')
      .notNull()
      .references(() => teams.id),
    engineeringTeamId: uuid('engineering_team_id')
      .notNull()
      .references(() => teams.id),
    pageFrom: choice<Severity>('page_from').notNull(),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [uniqueIndex('services_name').on(table.name)],
)

export const customers = pgTable(
  'customers',
  {
    id: id(),
    name: text('name').notNull(),
    region: text('region').notNull(),
    terms: text('terms').notNull(),
    noticeHours: integer('notice_hours').notNull(),
    contacts: json<{ name: string; email: string }[]>('contacts').notNull(),
    version: integer('version').notNull().default(1),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [uniqueIndex('customers_name').on(table.name)],
)

export const customerServices = pgTable(
  'customer_services',
  {
    customerId: uuid('customer_id')
      .notNull()
      .references(() => customers.id, { onDelete: 'cascade' }),
    serviceId: uuid('service_id')
      .notNull()
      .references(() => services.id, { onDelete: 'cascade' }),
  },
  table => [primaryKey({ columns: [table.customerId, table.serviceId] })],
)

export const teams = pgTable(
  'teams',
  {
    id: id(),
    name: text('name').notNull(),
    kind: choice<'security' | 'engineering'>('kind').notNull(),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  table => [uniqueIndex('teams_name').on(table.name)],
)

export const teamMembers = pgTable(
  'team_members',
  {
    teamId: uuid('team_id')
      .notNull()
      .references(() => teams.id, { onDelete: 'cascade' }),
    personId: uuid('person_id')
      .notNull()
      .references(() => people.id, { onDelete: 'cascade' }),
  },
  table => [primaryKey({ columns: [table.teamId, table.personId] })],
)
