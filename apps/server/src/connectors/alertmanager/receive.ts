import type { AlertmanagerPayload, Severity } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { type IncomingAlert, receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { Fit, fitInstant, fitKey } from '../fit.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from '../integrations.ts'

type Payload = z.output<typeof AlertmanagerPayload>

/** Alerts of a group that are stored at once: a statement has room for so many. */
const batchSize = 1_000

const severityOf: Readonly<Record<string, Severity>> = {
  critical: 'critical',
  page: 'critical',
  emergency: 'critical',
  error: 'high',
  high: 'high',
  major: 'high',
  warning: 'medium',
  medium: 'medium',
  minor: 'low',
  low: 'low',
  info: 'info',
  none: 'info',
}

/** Our alert for one of Alertmanager's, without its service. */
export function fromAlertmanager(alert: Payload['alerts'][number], payload: Payload): Omit<IncomingAlert, 'serviceId'> {
  const { labels, annotations } = alert
  const fit = new Fit()
  const fitted = {
    title: fit.title(annotations.summary || annotations.title || labels.alertname || 'Unnamed alert'),
    severity: severityOf[(labels.severity ?? '').toLowerCase()] ?? 'medium',
    dedupKey: fitKey(alert.fingerprint),
    source: 'alertmanager',
    labels: fit.labels(labels),
    links: fit.links([
      { url: alert.generatorURL, text: 'Alert source' },
      { url: annotations.runbook_url ?? '', text: 'Runbook' },
      { url: annotations.dashboard_url ?? '', text: 'Dashboard' },
      { url: payload.externalURL, text: 'Alertmanager' },
    ]),
    observables: observablesOf(labels, fit),
    occurredAt: fitInstant(alert.startsAt),
  }
  return { ...fitted, description: fit.describe(annotations.description || annotations.message || '') }
}

/** What labels are by convention: the host and the address that an alert is about. */
function observablesOf(labels: Readonly<Record<string, string>>, fit: Fit): IncomingAlert['observables'] {
  const address = labels.src_ip ?? labels.client_ip ?? ''
  return [
    ...fit.observable('host', labels.host ?? labels.hostname ?? labels.instance ?? ''),
    ...fit.observable(address.includes(':') ? 'ipv6-addr' : 'ipv4-addr', address),
    ...fit.observable('user-account', labels.user ?? ''),
  ]
}

/** Takes one notification of Alertmanager: firing alerts in, resolved ones ended, all in one transaction. */
export async function takeAlertmanager(tx: Tx, context: AppContext, key: string, payload: Payload): Promise<{ accepted: number }> {
  const source = await openIntegration(tx, 'alertmanager', key, payload.alerts.length)
  const firing = payload.alerts.filter(alert => alert.status === 'firing')
  const names = [...new Set(firing.map(alert => alert.labels.service).filter(name => name !== undefined))]
  const known = names.length === 0 ? [] : await tx.db.select({ id: services.id, name: services.name }).from(services).where(inArray(services.name, names))
  const idOf = new Map(known.map(service => [service.name, service.id]))
  const incoming = firing.map(alert => ({ ...fromAlertmanager(alert, payload), serviceId: idOf.get(alert.labels.service ?? '') ?? source.serviceId }))
  const actor = actorOfIntegration(source)
  for (let at = 0; at < incoming.length; at += batchSize)
    await receiveAlerts(tx, context, actor, scopeOfIntegration(source), incoming.slice(at, at + batchSize), source.isDemo)
  const resolved = new Map(
    payload.alerts.filter(alert => alert.status === 'resolved').map(alert => [fitKey(alert.fingerprint), fitInstant(alert.endsAt)] as const),
  )
  await resolveBySource(tx, context, actor, scopeOfIntegration(source), [...resolved.keys()], resolved)
  return { accepted: payload.alerts.length }
}
