import { Erasure, Severity } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { boolean, index, integer, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { alerts } from '../alerts/tables.ts'
import { services } from '../directory/tables.ts'
import { choice, count, id, instant, json, table } from '../kernel/columns.ts'
import { files } from '../kernel/tables.ts'

/** Tools that send alerts, each with a secret address. */
export const integrations = table(
  'integrations',
  {
    id: id(),
    kind: choice('kind', ['alertmanager', 'pagerduty']).notNull(),
    name: text('name').notNull(),
    keyDigest: text('key_digest').notNull(),
    /** For alerts that name no service of the catalog. */
    serviceId: uuid('service_id').references(() => services.id),
    createdAt: instant('created_at').notNull(),
    lastSeenAt: instant('last_seen_at'),
    received: integer('received').notNull().default(0),
    revokedAt: instant('revoked_at'),
    /** What its names of severities mean, each as `foldSeverity` has it. */
    severities: json('severities', z.record(z.string(), Severity), {}).notNull().default(sql`'{}'::jsonb`),
    isDemo: boolean('is_demo').notNull().default(false),
  },
  self => [uniqueIndex('sources_key').on(self.keyDigest)],
)

/** What people report. */
export const reports = table(
  'reports',
  {
    id: id(),
    reference: text('reference').notNull(),
    audience: choice('audience', ['employee', 'customer']).notNull(),
    text: text('text').notNull(),
    happenedAt: text('happened_at').notNull(),
    affected: text('affected').notNull(),
    contactName: text('contact_name').notNull(),
    contactEmail: text('contact_email').notNull(),
    receivedAt: instant('received_at').notNull(),
    alertId: uuid('alert_id')
      .notNull()
      .references(() => alerts.id, { onDelete: 'cascade' }),
    /** A keyed digest of the address that it came from, to count by. Null for reports from before it was kept. */
    origin: text('origin'),
    fileBytes: count('file_bytes').notNull().default(0),
    /** How a customer's report was paged; null where none is paged. */
    paging: choice('paging', ['own', 'bundle', 'none']),
    /** When its private link was revoked. */
    linkRevokedAt: instant('link_revoked_at'),
    /** Who erased what the reporter wrote, when and why. */
    erasure: json('erasure', Erasure, null),
  },
  self => [
    uniqueIndex('reports_reference').on(self.reference),
    index('reports_alert').on(self.alertId),
    index('reports_received').on(self.receivedAt),
    index('reports_email').on(sql`lower(${self.contactEmail})`),
  ],
)

export const reportFiles = table(
  'report_files',
  {
    reportId: uuid('report_id')
      .notNull()
      .references(() => reports.id, { onDelete: 'cascade' }),
    fileId: uuid('file_id')
      .notNull()
      .references(() => files.id, { onDelete: 'cascade' }),
  },
  self => [primaryKey({ columns: [self.reportId, self.fileId] })],
)
