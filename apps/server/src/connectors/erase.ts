import { erasedText } from '@tocsin/merkle'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { alerts, eraseAlerts } from '../alerts/index.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { files } from '../kernel/tables.ts'
import { reportFiles, reports } from './tables.ts'

/** Reports of one address that are erased at once. Nobody can send so many. */
const maxReports = 5_000

/** Says how the data of a reporter is erased: all their reports by the address that they gave, whoever may see them, with files, alerts, pages and messages. */
export function defineErasables(context: AppContext): void {
  context.erasables.define('reporter', {
    subject: 'report',
    async find(reader, target) {
      const found = await reader.db
        .select({ id: reports.id, incidentId: alerts.incidentId })
        .from(reports)
        .innerJoin(alerts, eq(alerts.id, reports.alertId))
        .where(and(sql`lower(${reports.contactEmail}) = ${target.toLowerCase()}`, isNull(reports.erasure)))
        .limit(maxReports + 1)
      if (found.length === 0) throw notFound('report with this email address')
      if (found.length > maxReports) throw conflict(`More than ${maxReports} reports have this email address. They cannot be erased at once.`)
      return { ids: found.map(({ id }) => id), within: found.map(({ incidentId }) => incidentId) }
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
  })
}
