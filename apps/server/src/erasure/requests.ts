import type { ErasureInput, ErasureRequest } from '@tocsin/api'
import { and, desc, eq, lt, or, type SQL } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import { type AppContext, assertPerson, type Caller, people } from '../access/index.ts'
import { changedSince, record } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { erase } from './erase.ts'
import { erasures } from './tables.ts'

type Input = z.output<typeof ErasureInput>
type ErasureRow = typeof erasures.$inferSelect

const cursor = listCursor('erasures', z.tuple([z.string(), z.uuid()]))
const requesters = alias(people, 'requesters')
const deciders = alias(people, 'deciders')

const read = (reader: Reader, condition: SQL | undefined) =>
  reader.db
    .select({ row: erasures, requestedBy: requesters.name, decidedBy: deciders.name })
    .from(erasures)
    .leftJoin(requesters, eq(requesters.id, erasures.requestedById))
    .leftJoin(deciders, eq(deciders.id, erasures.decidedById))
    .where(condition)
    .orderBy(desc(erasures.requestedAt), desc(erasures.id))

const view = ({ row, ...names }: Awaited<ReturnType<typeof read>>[number], { personId }: Caller): ErasureRequest => {
  const { id, kind, state, target, basis, reason, requestedById, requestedAt, decidedAt, records, fields } = row
  return { id, kind, state, target, basis, reason, requestedAt, decidedAt, records, fields, ...names, isMine: requestedById === personId }
}

/** Requests, newest first, without those about an incident that the caller may not see. */
export async function listErasures(
  reader: Reader,
  context: AppContext,
  caller: Caller,
  query: { limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
) {
  const [at, id] = cursor.read(query.cursor) ?? []
  const before = at === undefined || id === undefined ? undefined : or(lt(erasures.requestedAt, at), and(eq(erasures.requestedAt, at), lt(erasures.id, id)))
  const found = await read(reader, and(before, changedSince(erasures.id, query.updatedSince), context.visibility.condition(caller, erasures.withinId))).limit(
    query.limit + 1,
  )
  const { items, next } = cursor.page(found, query.limit, ({ row }) => [row.requestedAt, row.id])
  return { items: items.map(item => view(item, caller)), next }
}

async function readErasure(tx: Tx, caller: Caller, id: string): Promise<ErasureRequest> {
  const [found] = await read(tx, eq(erasures.id, id))
  if (!found) throw notFound('request to erase data')
  return view(found, caller)
}

/** Requests an erasure, which another administrator approves. What is to be erased must be there, so that nobody approves a mistake. */
export async function requestErasure(tx: Tx, context: AppContext, caller: Caller, input: Input): Promise<ErasureRequest> {
  assertPerson(caller, 'This must be done')
  const { kind, target, reason } = input
  const { ids, within } = await context.erasables.of(kind).find(tx, target, caller)
  const [open] = await tx.db
    .select({ id: erasures.id })
    .from(erasures)
    .where(and(eq(erasures.kind, kind), eq(erasures.target, target), eq(erasures.state, 'requested')))
  if (open) throw conflict('This was requested already, and another administrator has not approved it yet.')
  const id = newId()
  // The reports of somebody may belong to several incidents: their request is every administrator's.
  const withinId = kind === 'reporter' ? null : (within[0] ?? null)
  await tx.db.insert(erasures).values({
    ...{ id, kind, target, withinId, reason, state: 'requested', basis: 'request', records: ids.length },
    ...{ requestedById: caller.personId, requestedAt: tx.now },
  })
  const data = { kind, basis: 'request', reason, records: ids.length } as const
  await record(tx, { actor: caller.actor, type: 'erasure.requested', subject: { kind: 'erasure', id }, within: withinId, data })
  return readErasure(tx, caller, id)
}

async function lockRequested(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<ErasureRow & { readonly target: string }> {
  const [row] = await tx.db
    .select()
    .from(erasures)
    .where(and(eq(erasures.id, id), context.visibility.condition(caller, erasures.withinId)))
    .for('update')
  if (!row) throw notFound('request to erase data')
  const { target } = row
  if (row.state !== 'requested' || target === null) throw conflict(`This request was ${row.state === 'done' ? 'approved' : 'withdrawn'} already.`)
  return { ...row, target }
}

/** Approves the request of another administrator, and erases at once. */
export async function approveErasure(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<ErasureRequest> {
  const row = await lockRequested(tx, context, caller, id)
  await assertSecondPerson(tx, caller, [row.requestedById], 'An erasure is approved by another administrator than the one who requested it.')
  const found = await context.erasables.of(row.kind).find(tx, row.target, caller)
  if (found.ids.length > row.records)
    throw conflict(`There is more to erase now (${found.ids.length}) than was requested (${row.records}). Withdraw this request, and request it anew.`)
  const { requestedBy } = await readErasure(tx, caller, id)
  const fields = await erase(tx, context, row.kind, found, { id, actor: caller.actor, basis: 'request', reason: row.reason, requestedBy })
  await tx.db
    .update(erasures)
    .set({ state: 'done', target: null, decidedById: caller.personId, decidedAt: tx.now, records: found.ids.length, fields })
    .where(eq(erasures.id, id))
  return readErasure(tx, caller, id)
}

/** Withdraws or declines a request. Its target goes with it. */
export async function withdrawErasure(tx: Tx, context: AppContext, caller: Caller, id: string, reason: string): Promise<ErasureRequest> {
  const { kind, withinId } = await lockRequested(tx, context, caller, id)
  await tx.db.update(erasures).set({ state: 'withdrawn', target: null, decidedById: caller.personId, decidedAt: tx.now }).where(eq(erasures.id, id))
  await record(tx, { actor: caller.actor, type: 'erasure.withdrawn', subject: { kind: 'erasure', id }, within: withinId, data: { kind, reason } })
  return readErasure(tx, caller, id)
}
