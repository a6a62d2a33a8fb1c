import type { Heartbeat, RouteInput, silenceRoutes } from '@tocsin/api'
import { when } from '@tocsin/events'
import { asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { services } from '../directory/index.ts'
import { record, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import { cancel, schedule } from '../kernel/jobs/schedule.ts'
import { conflict, invalid, notFound } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import { type Away, lastAway, missedFrom } from '../kernel/uptime.ts'
import { receiveAlerts, resolveBySource } from './receive.ts'
import { heartbeats } from './tables.ts'

export const heartbeatJob = defineJob({ kind: 'heartbeat.silent', lane: clocksLane, data: z.object({ heartbeatId: z.uuid() }) })
/** The scope of dedup keys of missed heartbeats. */
const scope = 'heartbeats'
const maxHeartbeats = 500
type Row = typeof heartbeats.$inferSelect

const expectedBy = (row: Row, away: Away | undefined) => missedFrom(row.lastHeartbeatAt ?? row.createdAt, row.everyMinutes, away)
const view = (row: Row, away: Away | undefined): Heartbeat => ({
  ...{ id: row.id, name: row.name, serviceId: row.serviceId, severity: row.severity, everyMinutes: row.everyMinutes },
  ...{ lastHeartbeatAt: row.lastHeartbeatAt, expectedBy: expectedBy(row, away), state: row.state, createdAt: row.createdAt },
})

export async function listHeartbeats(reader: Reader): Promise<Heartbeat[]> {
  const away = await lastAway(reader)
  return (await reader.db.select().from(heartbeats).orderBy(asc(heartbeats.name))).map(row => view(row, away))
}

export async function addHeartbeat(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  input: RouteInput<typeof silenceRoutes.addHeartbeat>['body'],
): Promise<{ heartbeat: Heartbeat; url: string }> {
  if (input.serviceId !== null && (await tx.db.select({ id: services.id }).from(services).where(eq(services.id, input.serviceId))).length === 0)
    throw invalid('serviceId', 'must be the ID of an existing service')
  if ((await listHeartbeats(tx)).length >= maxHeartbeats) throw conflict(`At most ${maxHeartbeats} heartbeat monitors are allowed.`)
  const token = randomSecret(24)
  const row: Row = { ...input, id: newId(), tokenDigest: secretDigest(token), state: 'new', lastHeartbeatAt: null, createdAt: tx.now }
  await tx.db.insert(heartbeats).values(row)
  await expect(tx, row, undefined)
  await record(tx, { actor: caller.actor, type: 'heartbeat.added', subject: { kind: 'heartbeat', id: row.id }, data: { ...input } })
  return { heartbeat: view(row, undefined), url: `${context.messenger.origin}/heartbeat/${token}` }
}

async function expect(tx: Tx, row: Row, away: Away | undefined): Promise<void> {
  await schedule(tx, { kind: heartbeatJob, key: `heartbeat:${row.id}`, runAt: expectedBy(row, away), data: { heartbeatId: row.id } })
}

export async function removeHeartbeat(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const [row] = await tx.db.delete(heartbeats).where(eq(heartbeats.id, id)).returning()
  if (!row) throw notFound('heartbeat')
  await cancel(tx, `heartbeat:${id}`)
  await resolveBySource(tx, context, caller.actor, scope, [id])
  await record(tx, { actor: caller.actor, type: 'heartbeat.removed', subject: { kind: 'heartbeat', id }, data: { name: row.name } })
}

/** A heartbeat. Only a change of state is an entry of the journal: heartbeats are frequent. */
export async function recordHeartbeat(tx: Tx, context: AppContext, token: string): Promise<void> {
  const [row] = await tx.db
    .select()
    .from(heartbeats)
    .where(eq(heartbeats.tokenDigest, secretDigest(token)))
    .for('update')
  if (!row) throw notFound('heartbeat')
  const healthy: Row = { ...row, lastHeartbeatAt: tx.now, state: 'healthy' }
  await tx.db.update(heartbeats).set({ lastHeartbeatAt: tx.now, state: 'healthy' }).where(eq(heartbeats.id, row.id))
  await expect(tx, healthy, undefined)
  if (row.state === 'healthy') return
  await record(tx, { actor: system, type: 'heartbeat.received', subject: { kind: 'heartbeat', id: row.id }, data: { name: row.name } })
  await resolveBySource(tx, context, system, scope, [row.id])
}

/** A heartbeat is overdue: an alert is raised, and pages as any other. */
export async function missHeartbeat(tx: Tx, context: AppContext, id: string): Promise<void> {
  const [row] = await tx.db.select().from(heartbeats).where(eq(heartbeats.id, id)).for('update')
  if (!row) return
  const away = await lastAway(tx)
  if (expectedBy(row, away) > tx.now) return expect(tx, row, away)
  await tx.db.update(heartbeats).set({ state: 'silent' }).where(eq(heartbeats.id, id))
  const { name, everyMinutes, lastHeartbeatAt } = row
  await record(tx, { actor: system, type: 'heartbeat.missed', subject: { kind: 'heartbeat', id }, data: { name, everyMinutes, lastHeartbeatAt } })
  const since =
    row.lastHeartbeatAt === null
      ? `No heartbeat received since the monitor was created on ${when(row.createdAt, tx.now)}`
      : `Last heartbeat received on ${when(row.lastHeartbeatAt, tx.now)}`
  await receiveAlerts(tx, context, system, scope, [
    {
      title: `${row.name}: heartbeat missed`,
      severity: row.severity,
      serviceId: row.serviceId,
      source: 'heartbeat',
      dedupKey: row.id,
      description: `${since}. A heartbeat is expected every ${row.everyMinutes === 1 ? 'minute' : `${row.everyMinutes} minutes`}.`,
      ...{ labels: {}, links: [], observables: [] },
    },
  ])
}
