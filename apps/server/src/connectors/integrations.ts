import { isDeepStrictEqual } from 'node:util'
import type { Integration } from '@tocsin/api'
import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Caller } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { type Actor, markRecords, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, invalid, notFound } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import { foldSeverity } from './severity.ts'
import { integrations } from './tables.ts'

type IntegrationRow = typeof integrations.$inferSelect
type Kind = IntegrationRow['kind']

export async function listIntegrations(reader: Reader, id?: string): Promise<Integration[]> {
  const rows = await reader.db
    .select({ source: integrations, service: services.name })
    .from(integrations)
    .leftJoin(services, eq(services.id, integrations.serviceId))
    .where(id === undefined ? undefined : eq(integrations.id, id))
    .orderBy(asc(integrations.createdAt))
  return rows.map(({ source, service }) => ({
    id: source.id,
    kind: source.kind,
    name: source.name,
    service: source.serviceId === null ? null : { id: source.serviceId, name: service ?? '' },
    createdAt: source.createdAt,
    lastSeenAt: source.lastSeenAt,
    received: source.received,
    revokedAt: source.revokedAt,
    severities: source.severities,
    isDemo: source.isDemo,
  }))
}

const paths: Record<Kind, (key: string) => string> = { alertmanager: key => `/in/${key}/alertmanager`, pagerduty: key => `/in/${key}/v2/enqueue` }

/** The integration through which most was received, or one through which nothing was yet. */
export async function busiestIntegration(reader: Reader) {
  const [found] = await reader.db
    .select({ name: integrations.name, received: integrations.received, lastSeenAt: integrations.lastSeenAt })
    .from(integrations)
    .where(and(isNull(integrations.revokedAt), eq(integrations.isDemo, false)))
    .orderBy(desc(integrations.received), desc(integrations.id))
    .limit(1)
  return found
}

/** Adds a source. Its key, 32 characters as PagerDuty's routing keys are, is in the answer and nowhere else. */
export async function createIntegration(
  tx: Tx,
  origin: string,
  actor: Actor,
  { severities = {}, ...input }: { kind: Kind; name: string; serviceId: string | null; severities?: Severities },
  isDemo = false,
): Promise<{ source: Integration; key: string; url: string }> {
  if (input.serviceId !== null) {
    const known = await tx.db.select({ id: services.id }).from(services).where(eq(services.id, input.serviceId))
    if (known.length === 0) throw invalid('serviceId', 'must be a service in the catalog')
  }
  const id = newId()
  const key = randomSecret(24)
  await tx.db.insert(integrations).values({ ...input, severities: folded(severities), id, keyDigest: secretDigest(key), createdAt: tx.now, isDemo })
  if (isDemo) await markRecords(tx, [id], { isDemo })
  await record(tx, {
    actor,
    type: 'integration.added',
    subject: { kind: 'integration', id },
    data: { kind: input.kind, name: input.name, serviceId: input.serviceId, ...(Object.keys(severities).length > 0 ? { severities: folded(severities) } : {}) },
  })
  const [source] = await listIntegrations(tx, id)
  if (!source) throw notFound('integration')
  return { source, key, url: `${origin}${paths[input.kind](key)}` }
}

type Severities = Integration['severities']
const folded = (severities: Severities): Severities => Object.fromEntries(Object.entries(severities).map(([name, severity]) => [foldSeverity(name), severity]))

/** Sets what the names of severities of an integration mean. As they are it changes nothing. */
export async function saveSeverities(tx: Tx, caller: Caller, id: string, given: Severities): Promise<Integration> {
  const [before] = await tx.db.select().from(integrations).where(eq(integrations.id, id)).for('update')
  if (!before || before.revokedAt !== null) throw notFound('active integration')
  const severities = folded(given)
  if (!isDeepStrictEqual(before.severities, severities)) {
    await tx.db.update(integrations).set({ severities }).where(eq(integrations.id, id))
    const data = { name: before.name, severities, before: { severities: before.severities } }
    await record(tx, { actor: caller.actor, type: 'integration.changed', subject: { kind: 'integration', id }, data })
  }
  const [source] = await listIntegrations(tx, id)
  if (!source) throw notFound('integration')
  return source
}

export async function revokeIntegration(tx: Tx, caller: Caller, id: string): Promise<void> {
  const revoked = await tx.db
    .update(integrations)
    .set({ revokedAt: tx.now })
    .where(and(eq(integrations.id, id), isNull(integrations.revokedAt)))
    .returning({ name: integrations.name })
  if (revoked.length === 0) throw notFound('active integration')
  await record(tx, { actor: caller.actor, type: 'integration.revoked', subject: { kind: 'integration', id }, data: { name: revoked[0]?.name ?? '' } })
}

const isOpenFor = (kind: Kind, key: string) => and(eq(integrations.keyDigest, secretDigest(key)), eq(integrations.kind, kind), isNull(integrations.revokedAt))
const wrongKey = () => new AppProblem('forbidden', 'The integration key is invalid or was revoked.')

/** @throws AppProblem forbidden for a wrong or revoked key. */
export async function assertIntegration(reader: Reader, kind: Kind, key: string): Promise<void> {
  if ((await reader.db.select({ id: integrations.id }).from(integrations).where(isOpenFor(kind, key))).length === 0) throw wrongKey()
}

/** The source whose secret address was called. @throws AppProblem forbidden for a wrong or revoked key. */
export async function openIntegration(tx: Tx, kind: Kind, key: string, alertCount: number): Promise<IntegrationRow> {
  const [source] = await tx.db
    .update(integrations)
    .set({ lastSeenAt: tx.now, received: sql`${integrations.received} + ${alertCount}` })
    .where(isOpenFor(kind, key))
    .returning()
  if (!source) throw wrongKey()
  return source
}

export function actorOfIntegration(source: IntegrationRow): Actor {
  return { kind: 'integration', id: source.id, name: source.name }
}

/** Within what a source's dedup keys are compared: itself. */
export function scopeOfIntegration(source: IntegrationRow): string {
  return `source ${source.id}`
}
