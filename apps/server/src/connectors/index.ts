import { connectorRoutes as routes } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { type AppContext, type Bindings, command, openCommand, openQuery, openWebhook, query, workflow } from '../access/index.ts'
import { onlyChanged } from '../journal/index.ts'
import { readFile } from '../kernel/files.ts'
import { Produced } from '../kernel/http.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { takeAlertmanager } from './alertmanager/receive.ts'
import { defineErasables } from './erase.ts'
import { createIntegration, listIntegrations, revokeIntegration, saveSeverities } from './integrations.ts'
import { takePagerDuty } from './pagerduty/receive.ts'
import { openReportFiles, recordFileRead } from './report-files.ts'
import { describeForm } from './report-limits.ts'
import { followReport, readReport, reportUploads, revokeReportLink, takeReport } from './reports.ts'
import { takeUnread } from './unread.ts'
import { WebhookBodies } from './webhook-bodies.ts'

export { readAlertmanager } from './alertmanager/read.ts'
export { takeAlertmanager } from './alertmanager/receive.ts'
export { retentionSettings } from './erase.ts'
export { busiestIntegration, createIntegration } from './integrations.ts'
export { reportSettings } from './report-limits.ts'
export { integrations } from './tables.ts'
export { mountWitness } from './witness/receive.ts'
export { witnessIntakeSettings } from './witness/settings.ts'

export function openConnectors(context: AppContext): Bindings {
  context.visibility.belongs(
    'report',
    id => sql`select alert.incident_id from reports report join alerts alert on alert.id = report.alert_id where report.id = ${id}`,
  )
  openReportFiles(context)
  defineErasables(context)
  const bodies = new WebhookBodies()
  return [
    query(routes.integrations, async (reader, { query: { updatedSince } }) => onlyChanged(reader, await listIntegrations(reader), updatedSince)),
    command(routes.createIntegration, (tx, { caller, body }) => createIntegration(tx, context.messenger.origin, caller.actor, body)),
    command(routes.saveSeverities, (tx, { caller, params, body }) => saveSeverities(tx, caller, params.id, body.severities)),
    command(routes.revokeIntegration, (tx, { caller, params }) => revokeIntegration(tx, caller, params.id)),
    openWebhook(
      routes.fromAlertmanager,
      bodies.at('alertmanager', bodies.alertmanager, async (tx, key, sentence) => {
        await takeUnread(tx, context, 'alertmanager', key, sentence)
        return { accepted: 1 }
      }),
      (tx, { params, body }) => takeAlertmanager(tx, context, params.key, body),
    ),
    openWebhook(routes.fromPagerDuty, bodies.pagerDuty, (tx, { body }) => {
      if (body.routingKey === undefined) throw invalid('routing_key', 'is required: an integration key')
      return takePagerDuty(tx, context, body.routingKey, body)
    }),
    openWebhook(
      routes.fromPagerDutyIntegration,
      bodies.at('pagerduty', bodies.pagerDuty, async (tx, key, message) => {
        const { dedupKey } = await takeUnread(tx, context, 'pagerduty', key, message)
        return { status: 'success', message, dedup_key: dedupKey }
      }),
      (tx, { params, body }) => takePagerDuty(tx, context, params.key, body),
    ),
    openQuery(routes.reportForm, async () => describeForm(context.config)),
    openCommand(routes.report, (tx, { body, files, connection }) => takeReport(tx, context, body, files, connection.ip), reportUploads(context)),
    openCommand(routes.followReport, (tx, { body }) => followReport(tx, context, body.token)),
    command(routes.reportOfAlert, (tx, { caller, params }) => readReport(tx, context, caller, params.id)),
    command(routes.revokeReportLink, (tx, { caller, params }) => revokeReportLink(tx, context, caller, params.id)),
    workflow(routes.reportFile, async (database, { caller, params }) => {
      // On record first; the content then streams outside the transaction, which must not wait for a slow reader.
      const refusal = await database.transaction(tx => recordFileRead(tx, context, caller, params.id))
      if (refusal !== undefined) throw conflict(refusal)
      const file = await readFile(database.reader(), context.secrets, params.id)
      if (!file) throw notFound('file')
      return new Produced(file.content, {
        'content-type': 'application/octet-stream',
        'content-length': String(file.sizeBytes),
        // What somebody uploaded is never opened in our origin.
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
    }),
  ]
}
