import type { PagerDutyEvent, Severity } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { acknowledgeBySource, receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import { Fit, fitInstant, fitKey } from '../fit.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from '../integrations.ts'

type Event = z.output<typeof PagerDutyEvent>

const severityOf: Readonly<Record<'critical' | 'error' | 'warning' | 'info', Severity>> = {
  critical: 'critical',
  error: 'high',
  warning: 'medium',
  info: 'info',
}

/** Takes one event in the shape of PagerDuty's Events API v2, and answers as PagerDuty does. */
export async function takePagerDuty(
  tx: Tx,
  context: AppContext,
  key: string,
  event: Event,
): Promise<{ status: 'success'; message: string; dedup_key: string }> {
  const source = await openIntegration(tx, 'pagerduty', key, 1)
  const actor = actorOfIntegration(source)
  const scope = scopeOfIntegration(source)
  const dedupKey = event.dedup_key === undefined ? newId().replaceAll('-', '') : fitKey(event.dedup_key)
  if (event.event_action === 'acknowledge') await acknowledgeBySource(tx, context, actor, scope, dedupKey)
  if (event.event_action === 'resolve') await resolveBySource(tx, context, actor, scope, [dedupKey])
  if (event.event_action === 'trigger' && event.payload) {
    const { payload } = event
    const names = [payload.component, payload.group].filter(name => name !== undefined)
    const known = names.length === 0 ? [] : await tx.db.select({ id: services.id, name: services.name }).from(services).where(inArray(services.name, names))
    const serviceId = names.map(name => known.find(service => service.name === name)?.id).find(id => id !== undefined) ?? source.serviceId
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
      severity: severityOf[payload.severity],
      dedupKey,
      source: source.name,
      labels: fit.labels(labels),
      links: fit.links(links),
      observables: fit.observable('host', payload.source),
      serviceId,
      occurredAt: fitInstant(payload.timestamp),
    }
    const description = fit.describe(payload.custom_details === undefined ? '' : details(payload.custom_details))
    await receiveAlerts(tx, context, actor, scope, [{ ...fitted, description }], source.isDemo)
  }
  return { status: 'success', message: 'Event processed', dedup_key: dedupKey }
}

function details(custom: unknown): string {
  return typeof custom === 'string' ? custom : JSON.stringify(custom, null, 2)
}
