import { inArray } from 'drizzle-orm'
import type { AppContext } from '../../access/index.ts'
import { acknowledgeBySource, receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from '../integrations.ts'
import { readSeverity, withNote } from '../severity.ts'
import type { EventRead } from './read.ts'

/** Takes one event in the shape of PagerDuty's Events API v2, and answers as PagerDuty does. */
export async function takePagerDuty(
  tx: Tx,
  context: AppContext,
  key: string,
  { action, dedupKey = newId().replaceAll('-', ''), raised }: EventRead,
): Promise<{ status: 'success'; message: string; dedup_key: string }> {
  const source = await openIntegration(tx, 'pagerduty', key, 1)
  const actor = actorOfIntegration(source)
  const scope = scopeOfIntegration(source)
  if (action === 'acknowledge') await acknowledgeBySource(tx, context, actor, scope, dedupKey)
  if (action === 'resolve') await resolveBySource(tx, context, actor, scope, [dedupKey])
  if (raised) {
    const names = [...raised.services]
    const known = names.length === 0 ? [] : await tx.db.select({ id: services.id, name: services.name }).from(services).where(inArray(services.name, names))
    const serviceId = names.map(name => known.find(service => service.name === name)?.id).find(id => id !== undefined) ?? source.serviceId
    const { severity, note } = readSeverity(raised.severity, source.severities)
    const alert = { ...raised.alert, severity, description: withNote(raised.alert.description, note), dedupKey, source: source.name, serviceId }
    await receiveAlerts(tx, context, actor, scope, [alert], { isDemo: source.isDemo })
  }
  return { status: 'success', message: 'Event processed', dedup_key: dedupKey }
}
