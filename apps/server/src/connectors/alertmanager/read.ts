import { type AlertmanagerPayload, observablesOf, type Severity } from '@tocsin/api'
import type { z } from 'zod'
import type { IncomingAlert } from '../../alerts/index.ts'
import type { Instant } from '../../kernel/clock.ts'
import { Fit, fitInstant, fitKey } from '../fit.ts'

type Payload = z.output<typeof AlertmanagerPayload>

/** What of a notification becomes of ours. */
export interface AlertGroup {
  /** Alerts of the notification. */
  readonly count: number
  /** Those that fire, with the service that their labels name. */
  readonly firing: readonly { readonly alert: Omit<IncomingAlert, 'serviceId'>; readonly service: string | undefined }[]
  /** The deduplication keys of those that ended, and when, where that is said. */
  readonly resolved: ReadonlyMap<string, Instant | undefined>
}

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

/** Our alert for one of Alertmanager's or Grafana's, without its service. */
export function fromAlertmanager(alert: Payload['alerts'][number], payload: Payload): Omit<IncomingAlert, 'serviceId'> {
  const { labels, annotations } = alert
  const fit = new Fit()
  const described = {
    title: fit.title(annotations.summary || annotations.title || labels.alertname || 'Unnamed alert'),
    severity: severityOf[(labels.severity ?? '').toLowerCase()] ?? 'medium',
    dedupKey: fitKey(alert.fingerprint),
    source: 'alertmanager',
    labels: fit.labels(labels),
    links: fit.links([
      { url: alert.generatorURL, text: 'Alert source' },
      { url: annotations.runbook_url ?? '', text: 'Runbook' },
      { url: annotations.dashboard_url ?? alert.dashboardURL, text: 'Dashboard' },
      { url: alert.panelURL, text: 'Panel' },
      { url: payload.externalURL, text: payload.version === '1' ? 'Grafana' : 'Alertmanager' },
    ]),
    observables: labeled(labels, fit),
    occurredAt: fitInstant(alert.startsAt),
  }
  const alerted = { ...described, description: fit.describe(annotations.description || annotations.message || '') }
  return { ...alerted, observables: observablesOf(alerted) }
}

/** What labels are by convention: the host and the address that an alert is about. */
function labeled(labels: Readonly<Record<string, string>>, fit: Fit): IncomingAlert['observables'] {
  const address = labels.src_ip ?? labels.client_ip ?? ''
  return [
    ...fit.observable('host', labels.host ?? labels.hostname ?? labels.instance ?? ''),
    ...fit.observable(address.includes(':') ? 'ipv6-addr' : 'ipv4-addr', address),
    ...fit.observable('user-account', labels.user ?? ''),
  ]
}

/** A notification of Alertmanager, each alert fitted into ours. */
export function readAlertmanager(payload: Payload): AlertGroup {
  return {
    count: payload.alerts.length,
    firing: payload.alerts
      .filter(({ status }) => status === 'firing')
      .map(alert => ({ alert: fromAlertmanager(alert, payload), service: alert.labels.service })),
    resolved: new Map(
      payload.alerts.filter(({ status }) => status === 'resolved').map(alert => [fitKey(alert.fingerprint), fitInstant(alert.endsAt)] as const),
    ),
  }
}
