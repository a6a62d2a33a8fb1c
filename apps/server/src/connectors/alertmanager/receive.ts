import type { AlertmanagerPayload, Severity } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { type IncomingAlert, receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { storable } from '../../kernel/text.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from '../integrations.ts'

type Payload = z.output<typeof AlertmanagerPayload>

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
  const links = [
    { url: alert.generatorURL, text: 'Alert source' },
    { url: annotations.runbook_url ?? '', text: 'Runbook' },
    { url: annotations.dashboard_url ?? '', text: 'Dashboard' },
    { url: payload.externalURL, text: 'Alertmanager' },
  ].filter(link => /^https?:\/\//.test(link.url) && URL.canParse(link.url))
  return {
    title: storable(annotations.summary || annotations.title || labels.alertname || 'Unnamed alert', 300),
    severity: severityOf[(labels.severity ?? '').toLowerCase()] ?? 'medium',
    dedupKey: alert.fingerprint,
    source: 'alertmanager',
    labels: Object.fromEntries(
      Object.entries(labels)
        .slice(0, 50)
        .map(([name, value]) => [storable(name, 100), storable(value, 1_000)]),
    ),
    links: links.slice(0, 20),
    description: storable(annotations.description || annotations.message || '', 20_000),
    observables: observablesOf(labels),
  }
}

/** What labels are by convention: the host and the address that an alert is about. */
function observablesOf(labels: Readonly<Record<string, string>>): IncomingAlert['observables'] {
  const host = labels.host ?? labels.hostname ?? labels.instance
  const address = labels.src_ip ?? labels.client_ip
  return [
    ...(host ? [{ kind: 'host' as const, value: storable(host, 2_000) }] : []),
    ...(address ? [{ kind: address.includes(':') ? ('ipv6-addr' as const) : ('ipv4-addr' as const), value: storable(address, 2_000) }] : []),
    ...(labels.user ? [{ kind: 'user-account' as const, value: storable(labels.user, 2_000) }] : []),
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
  if (incoming.length > 0) await receiveAlerts(tx, context, actor, scopeOfIntegration(source), incoming, source.isDemo)
  const resolved = payload.alerts.filter(alert => alert.status === 'resolved').map(alert => alert.fingerprint)
  await resolveBySource(tx, context, actor, scopeOfIntegration(source), resolved)
  return { accepted: payload.alerts.length }
}
