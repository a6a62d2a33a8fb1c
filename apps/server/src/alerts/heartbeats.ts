import type { Heartbeat, RouteInput, silenceRoutes } from '@tocsin/api'
import { asc, eq } from 'drizzle-orm'
import { services } from '../catalog/index.ts'
import type { Caller, House } from '../identity/index.ts'
import { record, system } from '../journal/index.ts'
import { addMinutes } from '../platform/clock.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { cancel, schedule } from '../platform/jobs.ts'
import { conflict, invalid, notFound } from '../platform/problems.ts'
import { randomSecret, secretDigest } from '../platform/secrets.ts'
import { receiveAlerts, resolveBySource } from './receive.ts'
import { heartbeats } from './tables.ts'

export const heartbeatJob = 'heartbeat.silent'
/** The scope of dedup keys of what is silent. */
const scope = 'heartbeats'
const most = 500
type Row = typeof heartbeats.$inferSelect

const expectedBy = (row: Row) => addMinutes(row.lastBeatAt ?? row.createdAt, row.everyMinutes)
const view = (row: Row): Heartbeat => ({
  ...{ id: row.id, name: row.name, serviceId: row.serviceId, severity: row.severity, everyMinutes: row.everyMinutes },
  ...{ lastBeatAt: row.lastBeatAt, expectedBy: expectedBy(row), state: row.state, createdAt: row.createdAt },
})

export async function listHeartbeats(reader: Reader): Promise<Heartbeat[]> {
  return (await reader.db.select().from(heartbeats).orderBy(asc(heartbeats.name))).map(view)
}

export async function addHeartbeat(
  tx: Tx,
  house: House,
  caller: Caller,
  input: RouteInput<typeof silenceRoutes.addHeartbeat>['body'],
): Promise<{ heartbeat: Heartbeat; url: string }> {
  if (input.serviceId !== null && (await tx.db.select({ id: services.id }).from(services).where(eq(services.id, input.serviceId))).length === 0)
    throw invalid('serviceId', 'must name a service that there is')
  if ((await listHeartbeats(tx)).length >= most) throw conflict(`At most ${most} heartbeats are expected.`)
  const token = randomSecret(24)
  const row: Row = { ...input, id: newId(), tokenDigest: secretDigest(token), state: 'new', lastBeatAt: null, createdAt: tx.now }
  await tx.db.insert(heartbeats).values(row)
  await expect(tx, row)
  await record(tx, { actor: caller.actor, type: 'heartbeat.added', subject: { kind: 'heartbeat', id: row.id }, data: { ...input } })
  return { heartbeat: view(row), url: `${house.messenger.origin}/beat/${token}` }
}

async function expect(tx: Tx, row: Row): Promise<void> {
  await schedule(tx, { kind: heartbeatJob, key: `heartbeat:${row.id}`, runAt: expectedBy(row), data: { heartbeatId: row.id } })
}

export async function removeHeartbeat(tx: Tx, house: House, caller: Caller, id: string): Promise<void> {
  const [row] = await tx.db.delete(heartbeats).where(eq(heartbeats.id, id)).returning()
  if (!row) throw notFound('heartbeat')
  await cancel(tx, `heartbeat:${id}`)
  await resolveBySource(tx, house, caller.actor, scope, [id])
  await record(tx, { actor: caller.actor, type: 'heartbeat.removed', subject: { kind: 'heartbeat', id }, data: { name: row.name } })
}

/** A sign of life. Only a change of state is an entry of the journal: a heart beats often. */
export async function takeBeat(tx: Tx, house: House, token: string): Promise<void> {
  const [row] = await tx.db
    .select()
    .from(heartbeats)
    .where(eq(heartbeats.tokenDigest, secretDigest(token)))
    .for('update')
  if (!row) throw notFound('heartbeat')
  const beating: Row = { ...row, lastBeatAt: tx.now, state: 'beating' }
  await tx.db.update(heartbeats).set({ lastBeatAt: tx.now, state: 'beating' }).where(eq(heartbeats.id, row.id))
  await expect(tx, beating)
  if (row.state === 'beating') return
  await record(tx, { actor: system, type: 'heartbeat.heard', subject: { kind: 'heartbeat', id: row.id }, data: { name: row.name } })
  await resolveBySource(tx, house, system, scope, [row.id])
}

/** Nothing came for too long: an alert is raised, and pages as any other. */
export async function missBeat(tx: Tx, house: House, id: string): Promise<void> {
  const [row] = await tx.db.select().from(heartbeats).where(eq(heartbeats.id, id)).for('update')
  if (!row) return
  if (expectedBy(row) > tx.now) return expect(tx, row)
  await tx.db.update(heartbeats).set({ state: 'silent' }).where(eq(heartbeats.id, id))
  const since = row.lastBeatAt === null ? `Nothing was ever heard of it, since ${row.createdAt}` : `Last heard of at ${row.lastBeatAt}`
  await receiveAlerts(tx, house, system, scope, [
    {
      title: `${row.name} is silent`,
      severity: row.severity,
      serviceId: row.serviceId,
      source: 'heartbeat',
      dedupKey: row.id,
      description: `${since}. A sign of life is expected every ${row.everyMinutes} minutes.`,
      ...{ labels: {}, links: [], observables: [] },
    },
  ])
}
