import { erasedText } from '@tocsin/merkle'
import { and, asc, eq, inArray, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { AppContext, FoundToErase } from '../access/index.ts'
import { alerts, eraseAlerts } from '../alerts/index.ts'
import { incidents } from '../incidents/index.ts'
import { addDays } from '../kernel/clock.ts'
import { settingsPart } from '../kernel/config.ts'
import type { Reader } from '../kernel/database.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { files } from '../kernel/tables.ts'
import { pagesAbout } from '../paging/index.ts'
import { reportFiles, reports } from './tables.ts'

export const retentionSettings = settingsPart(
  {
    TOCSIN_REPORTER_RETENTION_DAYS: z.coerce
      .number('must be a number of days')
      .int('must be a whole number of days')
      .min(1, 'must be at least 1')
      .max(36_500, 'must be at most 36500')
      .optional()
      .describe(
        'Days after which the data of a reporter is erased, from when the incident of the report was closed or the report was dismissed; if not set, never',
      ),
  },
  { TOCSIN_REPORTER_RETENTION_DAYS: 'value' },
)

/** The parent of a report's incident: its legal hold is that of its children, too. */
const parents = alias(incidents, 'parents')

/** Reports of one address that are erased at once. Nobody can send so many. */
const maxReports = 5_000

/** Reports that are not erased yet, oldest first, with their alerts and pages, of which entries of earlier versions quote them. */
async function find(reader: Reader, condition: SQL | undefined, limit: number): Promise<FoundToErase> {
  const found = await reader.db
    .select({ id: reports.id, alertId: reports.alertId, incidentId: alerts.incidentId })
    .from(reports)
    .innerJoin(alerts, eq(alerts.id, reports.alertId))
    .leftJoin(incidents, eq(incidents.id, alerts.incidentId))
    .leftJoin(parents, eq(parents.id, incidents.parentId))
    .where(and(condition, isNull(reports.erasure)))
    .orderBy(asc(reports.id))
    .limit(limit)
  const alertIds = found.map(({ alertId }) => alertId)
  const others = [
    { kind: 'alert', ids: alertIds },
    { kind: 'page', ids: await pagesAbout(reader, alertIds) },
  ]
  return { ids: found.map(({ id }) => id), within: found.map(({ incidentId }) => incidentId), others }
}

/** Says how the data of a reporter is erased: all their reports by the address that they gave, whoever may see them but a suspect, with files, alerts, pages and messages. */
export function defineErasables(context: AppContext): void {
  const { TOCSIN_REPORTER_RETENTION_DAYS: days } = context.config.of(retentionSettings)
  context.erasables.define('reporter', {
    subject: 'report',
    async find(reader, target, viewer) {
      // Of what somebody is a suspect in, they are not to learn, and it may be evidence against them.
      const isTheirs = sql`not ${context.visibility.isSuspect(viewer, alerts.incidentId)}`
      const found = await find(reader, and(sql`lower(${reports.contactEmail}) = ${target.toLowerCase()}`, isTheirs), maxReports + 1)
      if (found.ids.length === 0) throw notFound('report with this email address')
      if (found.ids.length > maxReports) throw conflict(`More than ${maxReports} reports have this email address. They cannot be erased at once.`)
      return found
    },
    async erase(tx, ids, erasure) {
      const erased = await tx.db
        .update(reports)
        .set({
          ...{ text: erasedText, happenedAt: erasedText, affected: erasedText, contactName: erasedText, contactEmail: erasedText },
          ...{ origin: null, erasure, linkRevokedAt: sql`coalesce(${reports.linkRevokedAt}, ${tx.now}::timestamptz)` },
        })
        .where(inArray(reports.id, [...ids]))
        .returning({ alertId: reports.alertId })
      const sent = tx.db
        .select({ id: reportFiles.fileId })
        .from(reportFiles)
        .where(inArray(reportFiles.reportId, [...ids]))
      // Their content and their place in the report go with them.
      await tx.db.delete(files).where(inArray(files.id, sent))
      await eraseAlerts(
        tx,
        erased.map(({ alertId }) => alertId),
      )
    },
    async outlived(reader, limit) {
      if (days === undefined) return undefined
      const before = addDays(reader.now, -days)
      const isOver = or(
        and(eq(alerts.dispositionOutcome, 'dismissed'), lt(alerts.dispositionAt, before)),
        and(eq(incidents.status, 'closed'), lt(incidents.closedAt, before)),
      )
      return find(reader, and(isOver, isNull(incidents.legalHoldReason), isNull(parents.legalHoldReason)), limit)
    },
  })
}
