import { alertFields, incidentFields, includesRole, type SavedView, type savedViewLists } from '@tocsin/api'
import { and, asc, count, eq, or, type SQL } from 'drizzle-orm'
import { record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { readFilter } from '../kernel/filter.ts'
import { newId } from '../kernel/ids.ts'
import { changedMeanwhile, conflict, forbidden, invalid, notFound } from '../kernel/problems.ts'
import type { Caller } from './caller.ts'
import { people, savedViews } from './tables.ts'

type List = (typeof savedViewLists)[number]
type Input = Pick<SavedView, 'name' | 'view' | 'filter' | 'sort' | 'grouping' | 'columns' | 'isShared'>

/** Views that one person may have. */
const maxViews = 100

const visibleTo = ({ personId }: Caller) => or(eq(savedViews.ownerId, personId), savedViews.isShared)

async function select(reader: Reader, caller: Caller, condition?: SQL): Promise<SavedView[]> {
  const rows = await reader.db
    .select({ view: savedViews, owner: people.name })
    .from(savedViews)
    .innerJoin(people, eq(people.id, savedViews.ownerId))
    .where(and(visibleTo(caller), condition))
    .orderBy(asc(savedViews.name), asc(savedViews.id))
    .limit(1_000)
  return rows.map(({ view: { ownerId, ...view }, owner }) => ({ ...view, owner: { id: ownerId, name: owner }, isMine: ownerId === caller.personId }))
}

/** A person's saved views and the shared ones, by name. */
export const listViews = (reader: Reader, caller: Caller): Promise<SavedView[]> => select(reader, caller)

async function readView(reader: Reader, caller: Caller, id: string): Promise<SavedView> {
  const [view] = await select(reader, caller, eq(savedViews.id, id))
  if (!view) throw notFound('saved view')
  return view
}

/** @throws AppProblem where the list has no such view or filter, or the caller may not share */
function assertValid(caller: Caller, list: List, input: Input): void {
  const views = list === 'alerts' ? ['triage', 'all'] : ['open', 'all']
  if (!views.includes(input.view)) throw invalid('view', `must be ${views.join(' or ')} for ${list}`)
  if (list === 'incidents' && input.sort !== null) throw invalid('sort', 'must be null for incidents, which are listed newest first')
  readFilter(input.filter, list === 'alerts' ? alertFields : incidentFields)
  if (input.isShared && !includesRole(caller.role, 'responder'))
    throw forbidden(`Sharing a view requires the role responder. Your role is ${caller.role}. Save it without sharing.`)
}

/** Saves a view of a list. */
export async function saveView(tx: Tx, caller: Caller, { list, ...input }: Input & { list: List }): Promise<SavedView> {
  assertValid(caller, list, input)
  // Two that are saved at once wait for each other, so that the bound holds.
  await tx.db.select({ id: people.id }).from(people).where(eq(people.id, caller.personId)).for('update')
  const [own] = await tx.db.select({ n: count() }).from(savedViews).where(eq(savedViews.ownerId, caller.personId))
  if ((own?.n ?? 0) >= maxViews) throw conflict(`You have ${maxViews} saved views. Delete one first.`)
  const id = newId()
  await tx.db.insert(savedViews).values({ id, list, ...input, ownerId: caller.personId, updatedAt: tx.now })
  await record(tx, {
    ...{ actor: caller.actor, type: 'saved-view.saved', subject: { kind: 'saved-view', id } },
    data: { list, name: input.name, isShared: input.isShared },
  })
  return readView(tx, caller, id)
}

/** Changes a view of one's own. */
export async function updateView(tx: Tx, caller: Caller, id: string, { version, ...input }: Input & { version: number }): Promise<SavedView> {
  const [before] = await tx.db
    .select()
    .from(savedViews)
    .where(and(eq(savedViews.id, id), visibleTo(caller)))
    .for('update')
  if (!before) throw notFound('saved view')
  if (before.ownerId !== caller.personId) throw forbidden('Only its owner can change a shared view. Save a copy of your own.')
  if (before.version !== version) throw changedMeanwhile()
  assertValid(caller, before.list, input)
  await tx.db
    .update(savedViews)
    .set({ ...input, updatedAt: tx.now, version: version + 1 })
    .where(eq(savedViews.id, id))
  await record(tx, {
    ...{ actor: caller.actor, type: 'saved-view.saved', subject: { kind: 'saved-view', id } },
    data: { list: before.list, name: input.name, isShared: input.isShared },
  })
  return readView(tx, caller, id)
}

/** Deletes a view: one's own, or a shared one as an administrator. */
export async function removeView(tx: Tx, caller: Caller, id: string): Promise<void> {
  const view = await readView(tx, caller, id)
  if (!view.isMine && !includesRole(caller.role, 'administrator')) throw forbidden('A shared view is deleted by its owner or an administrator.')
  await tx.db.delete(savedViews).where(eq(savedViews.id, id))
  await record(tx, {
    ...{ actor: caller.actor, type: 'saved-view.removed', subject: { kind: 'saved-view', id } },
    data: { list: view.list, name: view.name, isShared: view.isShared },
  })
}
