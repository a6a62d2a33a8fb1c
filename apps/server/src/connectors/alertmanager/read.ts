import { createHash } from 'node:crypto'
import { type AlertmanagerPayload, observablesOf } from '@tocsin/api'
import type { z } from 'zod'
import type { IncomingAlert } from '../../alerts/index.ts'
import type { Instant } from '../../kernel/clock.ts'
import { shortened } from '../../kernel/text.ts'
import { Fit, fitInstant, fitKey } from '../fit.ts'

type Payload = z.output<typeof AlertmanagerPayload>

/** What of a notification becomes of ours. */
export interface AlertGroup {
  /** Alerts of the notification. */
  readonly count: number
  /** Those that fire, with the service and the severity that their labels name. */
  readonly firing: readonly Firing[]
  /** The deduplication keys of those that ended, and when, where that is said. */
  readonly resolved: ReadonlyMap<string, Instant | undefined>
}

interface Firing {
  readonly alert: Omit<IncomingAlert, 'serviceId' | 'severity'>
  readonly service: string | undefined
  readonly severity: string | undefined
}

/** What identifies an alert: its fingerprint, or its labels where a tool sends none, as Alertmanager makes fingerprints of these. */
function keyOf({ fingerprint, labels }: Payload['alerts'][number]): string {
  if (fingerprint !== '') return fitKey(fingerprint)
  const sorted = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex')
}

/** Our alert for one of Alertmanager's or Grafana's, without its service and severity. */
function fromAlertmanager(alert: Payload['alerts'][number], payload: Payload): Firing['alert'] {
  const { labels, annotations } = alert
  const fit = new Fit()
  const described = {
    title: fit.title(annotations.summary || annotations.title || labels.alertname || 'Unnamed alert'),
    dedupKey: keyOf(alert),
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

/** The alerts of a group that Alertmanager cut off (`max_alerts`): one alert says how many, as severe as the first of the group. */
function truncated(payload: Payload): Firing {
  const { truncatedAlerts, groupKey, alerts } = payload
  const labels = alerts[0]?.labels ?? {}
  const fit = new Fit()
  const alert = {
    ...{ title: `${truncatedAlerts} more alerts of a group were not sent`, dedupKey: truncationKey(groupKey), source: 'alertmanager' },
    ...{ labels: fit.labels(labels), links: fit.links([{ url: payload.externalURL, text: 'Alertmanager' }]), observables: [] },
    description: `Alertmanager sent ${alerts.length} alerts of the group ${shortened(groupKey, 500)} and cut off ${truncatedAlerts} (max_alerts).`,
  }
  return { alert, service: labels.service, severity: labels.severity }
}

const truncationKey = (groupKey: string) => fitKey(`truncated ${groupKey}`)

/** A notification of Alertmanager, each alert fitted into ours. */
export function readAlertmanager(payload: Payload): AlertGroup {
  const isTruncated = payload.truncatedAlerts > 0
  const firing = payload.alerts
    .filter(({ status }) => status !== 'resolved')
    .map(alert => ({ alert: fromAlertmanager(alert, payload), service: alert.labels.service, severity: alert.labels.severity }))
  const resolved = payload.alerts.filter(({ status }) => status === 'resolved').map(alert => [keyOf(alert), fitInstant(alert.endsAt)] as const)
  return {
    count: payload.alerts.length,
    firing: isTruncated ? [...firing, truncated(payload)] : firing,
    resolved: new Map(isTruncated ? resolved : [...resolved, [truncationKey(payload.groupKey), undefined]]),
  }
}
