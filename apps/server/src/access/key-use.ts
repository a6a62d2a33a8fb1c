import { BlockList, isIP } from 'node:net'
import type { EventType } from '@tocsin/events'
import { and, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import { type Actor, record } from '../journal/index.ts'
import { addMinutes } from '../kernel/clock.ts'
import type { Database, Reader } from '../kernel/database.ts'
import { AppProblem } from '../kernel/problems.ts'
import { isEqual, secretDigest } from '../kernel/secrets.ts'
import { apiKeys } from './tables.ts'

type KeyRow = typeof apiKeys.$inferSelect

/** The service account of a key. @throws AppProblem not-signed-in for one that is wrong, revoked or expired; forbidden from an address that it does not allow */
export async function openApiKey(reader: Reader, bearer: string, address: string): Promise<KeyRow> {
  const [, id = '', secret = ''] = /^tok_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_([A-Za-z0-9_-]+)$/.exec(bearer) ?? []
  const [key] =
    id === ''
      ? []
      : await reader.db
          .select()
          .from(apiKeys)
          .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
  if (!key || !isEqual(key.secretDigest, secretDigest(secret))) throw new AppProblem('not-signed-in', 'The API key is not valid.')
  if (key.expiresAt <= reader.now) throw new AppProblem('not-signed-in', 'The API key has expired. An administrator can create another one.')
  if (!isWithin(key.networks, address)) throw new AppProblem('forbidden', `The API key may not be used from ${address}.`)
  return key
}

/** True when an address is in one of the networks, or when there are none. An IPv4 address that a dual socket has written as IPv6 counts as what it is. */
function isWithin(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true
  const allowed = new BlockList()
  for (const network of networks) {
    const [base = '', bits = ''] = network.split('/')
    allowed.addSubnet(base, Number(bits), isIP(base) === 6 ? 'ipv6' : 'ipv4')
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return allowed.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}

/** Keeps when and from where a key was last used, to the minute; the first use, and the first of each day (UTC), is put on record. */
export async function noteUse(database: Database, key: KeyRow, address: string): Promise<void> {
  const { now } = database.reader()
  const last = key.lastUsedAt
  if (last !== null && last >= addMinutes(now, -1) && key.lastUsedFrom === address) return
  if (last !== null && last.slice(0, 10) >= now.slice(0, 10)) {
    await database
      .reader()
      .db.update(apiKeys)
      .set({ lastUsedAt: sql`greatest(${apiKeys.lastUsedAt}, ${now}::timestamptz)`, lastUsedFrom: address })
      .where(eq(apiKeys.id, key.id))
    return
  }
  await database.transaction(async tx => {
    const today = `${tx.now.slice(0, 10)}T00:00:00.000Z`
    const first = await tx.db
      .update(apiKeys)
      .set({ lastUsedAt: tx.now, lastUsedFrom: address })
      .where(and(eq(apiKeys.id, key.id), or(isNull(apiKeys.lastUsedAt), lt(apiKeys.lastUsedAt, today))))
      .returning({ id: apiKeys.id })
    if (first.length > 0)
      await record(tx, { actor: actorOf(key), type: 'api-key.used', subject: { kind: 'api-key', id: key.id }, data: { name: key.name, address } })
  })
}

/** Who acts with a key: the service account, and nobody else. */
export const actorOf = ({ id, name }: Pick<KeyRow, 'id' | 'name'>) => ({ kind: 'key', id, name: `${name} (service account)` }) as const

/** The people behind some actors: themselves, and whoever made a service account. */
export async function peopleBehind(reader: Reader, actors: readonly Actor[]): Promise<string[]> {
  const idsOf = (kind: Actor['kind']) => actors.flatMap(actor => (actor.kind === kind && actor.id !== null ? [actor.id] : []))
  const makers = await reader.db
    .select({ id: apiKeys.createdBy })
    .from(apiKeys)
    .where(inArray(apiKeys.id, idsOf('key')))
  return [...idsOf('person'), ...makers.map(({ id }) => id)]
}

/**
 * Of some acts those that a service account did, by record, with its name: rows hold the person who answers for it, and people are shown who did it.
 * @param acts records, each with the person in its row
 * @param types the entries that tell of the act; the latest counts
 */
export async function accountsThatActed(
  reader: Reader,
  acts: readonly { readonly id: string; readonly personId: string | null }[],
  ...types: readonly EventType[]
): Promise<ReadonlyMap<string, string>> {
  const known = acts.filter(({ personId }) => personId !== null)
  if (known.length === 0) return new Map()
  const ids = sql.param(known.map(({ id }) => id))
  const personIds = sql.param(known.map(({ personId }) => personId))
  const { rows } = await reader.db.execute<{ id: string; name: string }>(sql`
    select given.id, latest.actor_name as name
    from (
      select * from unnest(${ids}::text[], ${personIds}::uuid[]) as act (id, person_id)
      where exists (select 1 from ${apiKeys} where ${apiKeys.createdBy} = act.person_id)
    ) as given
    cross join lateral (
      select actor_kind, actor_name from journal
      where subject_id = given.id and type = any(${sql.param([...types])}::text[]) order by seq desc limit 1
    ) as latest
    where latest.actor_kind = 'key'`)
  return new Map(rows.map(({ id, name }) => [id, name]))
}
