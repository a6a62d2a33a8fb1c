import type { Source } from '@tocsin/api'
import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { services } from '../catalog/index.ts'
import type { Caller } from '../identity/index.ts'
import { type Actor, record } from '../journal/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { AppProblem, invalid, notFound } from '../platform/problems.ts'
import { randomSecret, secretDigest } from '../platform/secrets.ts'
import { sources } from './tables.ts'

type SourceRow = typeof sources.$inferSelect
type Kind = SourceRow['kind']

export async function listSources(reader: Reader, id?: string): Promise<Source[]> {
  const rows = await reader.db
    .select({ source: sources, service: services.name })
    .from(sources)
    .leftJoin(services, eq(services.id, sources.serviceId))
    .where(id === undefined ? undefined : eq(sources.id, id))
    .orderBy(asc(sources.createdAt))
  return rows.map(({ source, service }) => ({
    id: source.id,
    kind: source.kind,
    name: source.name,
    service: source.serviceId === null ? null : { id: source.serviceId, name: service ?? '' },
    createdAt: source.createdAt,
    lastSeenAt: source.lastSeenAt,
    received: source.received,
    revokedAt: source.revokedAt,
    isDemo: source.isDemo,
  }))
}

const paths: Record<Kind, (key: string) => string> = { alertmanager: key => `/in/${key}/alertmanager`, pagerduty: key => `/in/${key}/v2/enqueue` }

/** Adds a source. Its key, 32 characters as PagerDuty's routing keys are, is in the answer and nowhere else. */
export async function createSource(
  tx: Tx,
  origin: string,
  actor: Actor,
  input: { kind: Kind; name: string; serviceId: string | null },
  isDemo = false,
): Promise<{ source: Source; key: string; url: string }> {
  if (input.serviceId !== null) {
    const known = await tx.db.select({ id: services.id }).from(services).where(eq(services.id, input.serviceId))
    if (known.length === 0) throw invalid('serviceId', 'must name a service of the catalogue')
  }
  const id = newId()
  const key = randomSecret(24)
  await tx.db.insert(sources).values({ ...input, id, keyDigest: secretDigest(key), createdAt: tx.now, isDemo })
  await record(tx, { actor, type: 'source.added', subject: { kind: 'source', id }, data: { kind: input.kind, name: input.name } })
  const [source] = await listSources(tx, id)
  if (!source) throw notFound('source')
  return { source, key, url: `${origin}${paths[input.kind](key)}` }
}

export async function revokeSource(tx: Tx, caller: Caller, id: string): Promise<void> {
  const revoked = await tx.db
    .update(sources)
    .set({ revokedAt: tx.now })
    .where(and(eq(sources.id, id), isNull(sources.revokedAt)))
    .returning({ name: sources.name })
  if (revoked.length === 0) throw notFound('source in use')
  await record(tx, { actor: caller.actor, type: 'source.revoked', subject: { kind: 'source', id }, data: { name: revoked[0]?.name ?? '' } })
}

/** The source whose secret address was called. @throws AppProblem forbidden for a wrong or revoked key. */
export async function openSource(tx: Tx, kind: Kind, key: string, alertCount: number): Promise<SourceRow> {
  const [source] = await tx.db
    .update(sources)
    .set({ lastSeenAt: tx.now, received: sql`${sources.received} + ${alertCount}` })
    .where(and(eq(sources.keyDigest, secretDigest(key)), eq(sources.kind, kind), isNull(sources.revokedAt)))
    .returning()
  if (!source) throw new AppProblem('forbidden', 'The key of this source is not right, or was revoked.')
  return source
}

export function actorOfSource(source: SourceRow): Actor {
  return { kind: 'source', id: source.id, name: source.name }
}

/** Within what a source's dedup keys are compared: itself. */
export function scopeOfSource(source: SourceRow): string {
  return `source ${source.id}`
}
