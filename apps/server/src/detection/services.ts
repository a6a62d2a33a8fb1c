import type { Reference } from '@tocsin/api'
import { eq, inArray } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import type { Finding } from './findings.ts'
import { type ActiveRule, lockRule } from './rules.ts'
import { detectionRules, logSources } from './tables.ts'

/** @throws AppProblem invalid unless it is null or the service exists */
export async function findService(reader: Reader, id: string | null): Promise<Reference | null> {
  if (id === null) return null
  const [service] = await reader.db.select({ id: services.id, name: services.name }).from(services).where(eq(services.id, id))
  if (!service) throw invalid('serviceId', 'must be the ID of a service in the catalog, or null')
  return service
}

const nameOf = async (reader: Reader, id: string | null) => (await findService(reader, id))?.name ?? null

/** Says which service the alerts of a rule are about; null leaves it to the log source. */
export async function assignRule(tx: Tx, context: AppContext, caller: Caller, id: string, serviceId: string | null): Promise<void> {
  const { title, ruleId, ...before } = await lockRule(tx, context, caller, id)
  const service = await findService(tx, serviceId)
  if (before.serviceId === serviceId) return
  await tx.db.update(detectionRules).set({ serviceId }).where(eq(detectionRules.id, id))
  await record(tx, {
    ...{ actor: caller.actor, type: 'detection-rule.assigned', subject: { kind: 'detection-rule', id } },
    data: { title, ruleId, service: service?.name ?? null, before: { service: await nameOf(tx, before.serviceId) } },
  })
}

/** Says which service the alerts of a log source are about, where their rule does not say it. */
export async function assignLogSource(tx: Tx, caller: Caller, id: string, serviceId: string | null): Promise<void> {
  const [source] = await tx.db.select().from(logSources).where(eq(logSources.id, id)).for('update')
  if (!source) throw notFound('log source')
  const service = await findService(tx, serviceId)
  if (source.serviceId === serviceId) return
  await tx.db.update(logSources).set({ serviceId }).where(eq(logSources.id, id))
  await record(tx, {
    ...{ actor: caller.actor, type: 'log-source.assigned', subject: { kind: 'log-source', id } },
    data: { name: source.name, service: service?.name ?? null, before: { service: await nameOf(tx, source.serviceId) } },
  })
}

/** The service that each finding is about, in their order: that of its rule, or else that of the log source of its event. Two statements for all. */
export async function servicesOf(reader: Reader, rules: ReadonlyMap<string, ActiveRule>, found: readonly Finding[]): Promise<(string | null)[]> {
  const ruleIds = [...new Set(found.flatMap(({ rule }) => rules.get(rule.id)?.id ?? []))]
  const sourceIds = [...new Set(found.map(({ batch }) => batch.sourceId))]
  const ofRules =
    ruleIds.length === 0
      ? []
      : await reader.db.select({ id: detectionRules.id, serviceId: detectionRules.serviceId }).from(detectionRules).where(inArray(detectionRules.id, ruleIds))
  const ofSources =
    sourceIds.length === 0
      ? []
      : await reader.db.select({ id: logSources.id, serviceId: logSources.serviceId }).from(logSources).where(inArray(logSources.id, sourceIds))
  const byRule = new Map(ofRules.map(({ id, serviceId }) => [id, serviceId]))
  const bySource = new Map(ofSources.map(({ id, serviceId }) => [id, serviceId]))
  return found.map(({ rule, batch }) => byRule.get(rules.get(rule.id)?.id ?? '') ?? bySource.get(batch.sourceId) ?? null)
}
