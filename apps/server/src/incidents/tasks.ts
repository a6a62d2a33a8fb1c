import { and, eq } from 'drizzle-orm'
import { type AppContext, assertPeople, type Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, forbidden, notFound } from '../kernel/problems.ts'
import { assertVersion, lockOpenIncident } from './incident.ts'
import { tasks } from './tables.ts'

/** Adds a task. */
export async function addTask(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  incidentId: string,
  input: { title: string; assigneeId: string | null; dueOn: string | null; isBusinessImpacting: boolean },
): Promise<void> {
  await lockOpenIncident(tx, context, caller, incidentId)
  if (input.assigneeId !== null) await assertPeople(tx, [input.assigneeId], 'assigneeId')
  const id = newId()
  await tx.db.insert(tasks).values({ ...input, id, incidentId })
  await record(tx, { actor: caller.actor, type: 'task.added', subject: { kind: 'task', id }, within: incidentId, data: { ...input } })
}

async function lockTask(tx: Tx, incidentId: string, id: string) {
  const [task] = await tx.db
    .select()
    .from(tasks)
    .where(and(eq(tasks.id, id), eq(tasks.incidentId, incidentId)))
    .for('update')
  if (!task) throw notFound('task')
  return task
}

/** Finishes, reopens or changes a task. A business-impacting one can be completed only after the executive sponsor has approved it. */
export async function changeTask(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  incidentId: string,
  id: string,
  input: {
    version: number
    title?: string | undefined
    assigneeId?: string | null | undefined
    dueOn?: string | null | undefined
    isDone?: boolean | undefined
  },
): Promise<void> {
  await lockOpenIncident(tx, context, caller, incidentId)
  const task = await lockTask(tx, incidentId, id)
  assertVersion(task, input.version)
  if (input.assigneeId) await assertPeople(tx, [input.assigneeId], 'assigneeId')
  if (input.isDone === true && task.isBusinessImpacting && task.approvedById === null)
    throw conflict('This task is business-impacting. The executive sponsor must approve it first.')
  const isRenamed = input.title !== undefined && input.title !== task.title
  if (task.doneAt !== null && input.isDone !== false && isRenamed) throw conflict('This task is done. Reopen it to change its title.')
  const { version: _, isDone, ...given } = input
  const change = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  // Who finished it first, and when, stays.
  const isFinished = isDone === true && task.doneAt === null
  const done = isFinished ? { doneAt: tx.now, doneById: caller.personId } : isDone === false ? { doneAt: null, doneById: null } : {}
  // An approval is for what was approved: another task under the same id needs its own.
  const approval = isRenamed ? { approvedById: null } : {}
  await tx.db
    .update(tasks)
    .set({ ...change, ...done, ...approval, version: task.version + 1 })
    .where(eq(tasks.id, id))
  const type = isFinished ? 'task.done' : isDone === false && task.doneAt !== null ? 'task.reopened' : 'task.changed'
  const { title, assigneeId, dueOn } = { ...task, ...change }
  await record(tx, {
    ...{ actor: caller.actor, type, subject: { kind: 'task', id }, within: incidentId },
    data: {
      ...{ title, assigneeId, dueOn, isDone: isDone ?? task.doneAt !== null },
      before: { title: task.title, assigneeId: task.assigneeId, dueOn: task.dueOn, isDone: task.doneAt !== null },
    },
  })
}

/** The executive sponsor approves a business-impacting task. */
export async function approveTask(tx: Tx, context: AppContext, caller: Caller, incidentId: string, id: string, version: number): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const task = await lockTask(tx, incidentId, id)
  assertVersion(task, version)
  if (!task.isBusinessImpacting) throw conflict('This task does not need approval.')
  if (task.approvedById !== null) throw conflict('This task is already approved.')
  if (task.doneAt !== null) throw conflict('This task is already done.')
  if (incident.executiveId !== caller.personId) throw forbidden('Only the executive sponsor of this incident can approve business-impacting tasks.')
  await tx.db
    .update(tasks)
    .set({ approvedById: caller.personId, version: task.version + 1 })
    .where(eq(tasks.id, id))
  await record(tx, { actor: caller.actor, type: 'task.approved', subject: { kind: 'task', id }, within: incidentId, data: { title: task.title } })
}
