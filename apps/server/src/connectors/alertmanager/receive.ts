import { inArray } from 'drizzle-orm'
import type { AppContext } from '../../access/index.ts'
import { receiveAlerts, resolveBySource } from '../../alerts/index.ts'
import { services } from '../../directory/index.ts'
import type { Tx } from '../../kernel/database.ts'
import { actorOfIntegration, openIntegration, scopeOfIntegration } from '../integrations.ts'
import { readSeverity, withNote } from '../severity.ts'
import type { AlertGroup } from './read.ts'

/** Alerts of a group that are stored at once: a statement has room for so many. */
const batchSize = 1_000

/** Takes one notification of Alertmanager: firing alerts in, resolved ones ended, all in one transaction. */
export async function takeAlertmanager(tx: Tx, context: AppContext, key: string, { count, firing, resolved }: AlertGroup): Promise<{ accepted: number }> {
  const source = await openIntegration(tx, 'alertmanager', key, count)
  const names = [...new Set(firing.map(({ service }) => service).filter(name => name !== undefined))]
  const known = names.length === 0 ? [] : await tx.db.select({ id: services.id, name: services.name }).from(services).where(inArray(services.name, names))
  const idOf = new Map(known.map(service => [service.name, service.id]))
  const incoming = firing.map(({ alert, service = '', severity: named }) => {
    const { severity, note } = readSeverity(named, source.severities)
    return { ...alert, severity, description: withNote(alert.description, note), serviceId: idOf.get(service) ?? source.serviceId }
  })
  const actor = actorOfIntegration(source)
  for (let at = 0; at < incoming.length; at += batchSize)
    await receiveAlerts(tx, context, actor, scopeOfIntegration(source), incoming.slice(at, at + batchSize), { isDemo: source.isDemo })
  await resolveBySource(tx, context, actor, scopeOfIntegration(source), [...resolved.keys()], resolved)
  return { accepted: count }
}
