import { observablesOf, type PagerDutyEvent } from '@tocsin/api'
import type { z } from 'zod'
import type { IncomingAlert } from '../../alerts/index.ts'
import { Fit, fitInstant, fitKey } from '../fit.ts'

type Event = z.output<typeof PagerDutyEvent>

/** What of an event becomes of ours. */
export interface EventRead {
  readonly routingKey: string | undefined
  readonly action: Event['event_action']
  readonly dedupKey: string | undefined
  /** What a trigger raises, and names that may be those of a service, the likeliest first. */
  readonly raised:
    | {
        readonly alert: Omit<IncomingAlert, 'serviceId' | 'source' | 'dedupKey' | 'severity'>
        readonly severity: string | undefined
        readonly services: readonly string[]
      }
    | undefined
}

/** An event in the shape of PagerDuty's Events API v2, fitted into an alert of ours. */
export function readPagerDuty(event: Event): EventRead {
  return {
    routingKey: event.routing_key,
    action: event.event_action,
    dedupKey: event.dedup_key === undefined ? undefined : fitKey(event.dedup_key),
    raised: event.event_action === 'trigger' && event.payload ? raisedBy(event, event.payload) : undefined,
  }
}

function raisedBy(event: Event, payload: NonNullable<Event['payload']>): EventRead['raised'] {
  const links = [
    ...event.links.map(link => ({ url: link.href, text: link.text ?? '' })),
    ...(event.client_url ? [{ url: event.client_url, text: event.client ?? 'Client' }] : []),
  ]
  const labels = Object.fromEntries(
    Object.entries({ source: payload.source, component: payload.component, group: payload.group, class: payload.class }).filter(
      ([, value]) => value !== undefined,
    ),
  ) as Record<string, string>
  const fit = new Fit()
  const fitted = {
    title: fit.title(payload.summary),
    labels: fit.labels(labels),
    links: fit.links(links),
    observables: fit.observable('host', payload.source ?? ''),
    occurredAt: fitInstant(payload.timestamp),
  }
  const description = fit.describe(payload.custom_details === undefined ? '' : details(payload.custom_details))
  const alert = { ...fitted, description }
  const services = [payload.component, payload.group].filter(name => name !== undefined)
  return { alert: { ...alert, observables: observablesOf(alert) }, severity: payload.severity, services }
}

function details(custom: unknown): string {
  return typeof custom === 'string' ? custom : JSON.stringify(custom, null, 2)
}
