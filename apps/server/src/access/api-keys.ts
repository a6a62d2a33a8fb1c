import type { ApiKey, accessRoutes, RouteInput } from '@tocsin/api'
import { and, asc, eq, isNull } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { notFound } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import type { Caller } from './caller.ts'
import { apiKeys, people } from './tables.ts'

export async function listApiKeys(reader: Reader, id?: string): Promise<ApiKey[]> {
  const rows = await reader.db
    .select({ key: apiKeys, createdBy: people.name })
    .from(apiKeys)
    .innerJoin(people, eq(people.id, apiKeys.createdBy))
    .where(id === undefined ? undefined : eq(apiKeys.id, id))
    .orderBy(asc(apiKeys.createdAt))
  return rows.map(({ key: { secretDigest: _, ...key }, createdBy }) => ({ ...key, createdBy }))
}

type Input = RouteInput<typeof accessRoutes.createApiKey>['body']

/** Makes a service account with its API key. The secret is in the answer and nowhere else. */
export async function createApiKey(tx: Tx, caller: Caller, input: Input): Promise<{ key: ApiKey; secret: string }> {
  const id = newId()
  const secret = randomSecret()
  const { name, seesRestricted, networks, expiresInDays, role = caller.role } = input
  const scopes = [...new Set(input.scopes)]
  const account = { name, role, scopes, seesRestricted, networks, expiresAt: addDays(tx.now, expiresInDays) }
  await tx.db.insert(apiKeys).values({ ...account, id, secretDigest: secretDigest(secret), createdBy: caller.personId, createdAt: tx.now })
  await record(tx, { actor: caller.actor, type: 'api-key.created', subject: { kind: 'api-key', id }, data: account })
  const [key] = await listApiKeys(tx, id)
  if (!key) throw notFound('API key')
  return { key, secret: `tok_${id}_${secret}` }
}

export async function revokeApiKey(tx: Tx, caller: Caller, id: string): Promise<void> {
  const revoked = await tx.db
    .update(apiKeys)
    .set({ revokedAt: tx.now })
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)))
    .returning({ name: apiKeys.name })
  if (revoked.length === 0) throw notFound('active API key')
  await record(tx, { actor: caller.actor, type: 'api-key.revoked', subject: { kind: 'api-key', id }, data: { name: revoked[0]?.name ?? '' } })
}
