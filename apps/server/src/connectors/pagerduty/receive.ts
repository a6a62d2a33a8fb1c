import type { PagerDutyEvent, Severity } from '@tocsin/api'
import { inArray } from 'drizzle-orm'
import type { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { acknowledgeBySource, receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import { storable } from '../../kernel/text.ts'
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
  const dedupKey = event.dedup_key ?? newId().replaceAll('-', '')
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
    await receiveAlerts(
      tx,
      context,
      actor,
      scope,
      [
        {
          title: storable(payload.summary, 300),
          severity: severityOf[payload.severity],
          dedupKey,
          source: source.name,
          labels,
          links: links.filter(link => /^https?:\/\//.test(link.url) && URL.canParse(link.url)).slice(0, 20),
          description: payload.custom_details === undefined ? '' : details(payload.custom_details),
          observables: [{ kind: 'host', value: payload.source }],
          serviceId,
        },
      ],
      source.isDemo,
    )
  }
  return { status: 'success', message: 'Event processed', dedup_key: dedupKey }
}

function details(custom: unknown): string {
  return storable(typeof custom === 'string' ? custom : JSON.stringify(custom, null, 2), 20_000)
}
