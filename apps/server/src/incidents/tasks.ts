import { isDeepStrictEqual } from 'node:util'
import { approvedOfTask } from '@tocsin/events/fold'
import { digest } from '@tocsin/merkle'
import { and, eq, isNull, sql } from 'drizzle-orm'
import { type AppContext, assertPeople, type Caller, peopleBehind } from '../access/index.ts'
import { assertAsRecorded, entriesAbout, record, recordAll } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, forbidden, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { assertNotReviewedByOneself } from './emergency-access.ts'
import { assertNoSuspects, assertVersion, type IncidentRow, isExecutiveSponsor, lockOpenIncident, namesOf } from './incident.ts'
import { taskRecord } from './records.ts'
import { tasks } from './tables.ts'
import { tellAssignee } from './task-reminders.ts'

interface NewTask {
  readonly title: string
  readonly assigneeId: string | null
  readonly dueOn: string | null
  readonly isBusinessImpacting: boolean
}

/** Adds a task, and tells its assignee. */
export async function addTask(tx: Tx, context: AppContext, caller: Caller, incidentId: string, input: NewTask): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  if (input.assigneeId !== null) await assertAssignee(tx, context, incidentId, input.assigneeId)
  await insertTask(tx, context, caller, incident, input)
}

async function assertAssignee(tx: Tx, context: AppContext, incidentId: string, personId: string): Promise<void> {
  await assertPeople(tx, [personId], 'assigneeId')
  await assertNoSuspects(tx, context, incidentId, [personId], 'assigneeId')
}

/** Writes a task whose input has been checked, and tells its assignee. */
export async function insertTask(tx: Tx, context: AppContext, caller: Caller, incident: IncidentRow, input: NewTask, id: string = newId()): Promise<void> {
  await tx.db.insert(tasks).values({ ...input, id, incidentId: incident.id })
  await record(tx, { actor: caller.actor, type: 'task.added', subject: { kind: 'task', id }, within: incident.id, data: { ...input } })
  if (input.assigneeId !== null) await tellAssignee(tx, context, incident, { ...input, id }, input.assigneeId, caller.personId)
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

/** Finishes, reopens or changes a task; what is so already changes nothing. A business-impacting one can be completed only after the executive sponsor has approved it. */
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
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const task = await lockTask(tx, incidentId, id)
  assertVersion(task, input.version)
  if (input.assigneeId) await assertAssignee(tx, context, incidentId, input.assigneeId)
  const isRenamed = input.title !== undefined && input.title !== task.title
  // Renamed, it is not what was approved.
  if (input.isDone === true && task.isBusinessImpacting && (task.approvedById === null || (isRenamed && task.doneAt === null)))
    throw conflict('This task is business-impacting. The executive sponsor must approve it first.')
  if (task.doneAt !== null && input.isDone !== false && isRenamed) throw conflict('This task is done. Reopen it to change its title.')
  const before = { title: task.title, assigneeId: task.assigneeId, dueOn: task.dueOn, isDone: task.doneAt !== null }
  const { title = before.title, assigneeId = before.assigneeId, dueOn = before.dueOn, isDone = before.isDone } = input
  const after = { title, assigneeId, dueOn, isDone }
  if (isDeepStrictEqual(after, before)) return
  await assertNotReviewedByOneself(tx, caller, incidentId, id)
  // Who finished it first, and when, stays.
  const isFinished = isDone && !before.isDone
  if (isFinished) await assertAsRecorded(context, tx, incidentId, taskRecord(task))
  const done = isFinished ? { doneAt: tx.now, doneById: caller.personId } : isDone ? {} : { doneAt: null, doneById: null }
  // An approval is for what was approved: another task under the same id needs its own.
  const approval = isRenamed ? { approvedById: null } : {}
  const isApprovalVoid = isRenamed && task.approvedById !== null
  await tx.db
    .update(tasks)
    .set({ title, assigneeId, dueOn, ...done, ...approval, version: task.version + 1 })
    .where(eq(tasks.id, id))
  const names = await namesOf(tx, [assigneeId, before.assigneeId])
  const named = (facts: typeof after) => ({ ...facts, assignee: facts.assigneeId === null ? null : (names.get(facts.assigneeId) ?? null) })
  const type = isFinished ? 'task.done' : before.isDone && !isDone ? 'task.reopened' : 'task.changed'
  await record(tx, {
    ...{ actor: caller.actor, type, subject: { kind: 'task', id }, within: incidentId },
    data: { ...named(after), before: named(before), ...(isApprovalVoid ? { isApprovalVoid } : {}) },
  })
  if (assigneeId !== null && assigneeId !== before.assigneeId && !isDone)
    await tellAssignee(tx, context, incident, { id, title, dueOn }, assigneeId, caller.personId)
}

/** Closes the open tasks of an incident as not needed: in as many statements for many as for one. */
export async function dropTasks(tx: Tx, caller: Caller, incidentId: string): Promise<void> {
  const dropped = await tx.db
    .update(tasks)
    .set({ doneAt: tx.now, doneById: caller.personId, version: sql`${tasks.version} + 1` })
    .where(and(eq(tasks.incidentId, incidentId), isNull(tasks.doneAt)))
    .returning()
  await recordAll(
    tx,
    dropped.map(({ id, title }) => ({
      ...{ actor: caller.actor, type: 'task.dropped' as const, subject: { kind: 'task' as const, id }, within: incidentId },
      data: { title },
    })),
  )
}

/** Whoever wrote the title of a task: who added it, and who changed it. */
async function authorsOf(tx: Tx, id: string): Promise<string[]> {
  const entries = await entriesAbout(tx, id, ['task.added', 'task.changed', 'task.done', 'task.reopened'])
  const written = entries.filter(entry => {
    if (entry.fault !== null || entry.type === 'task.added') return true
    const isChange = entry.type === 'task.changed' || entry.type === 'task.done' || entry.type === 'task.reopened'
    return isChange && entry.data.title !== entry.data.before.title
  })
  return peopleBehind(
    tx,
    written.map(({ actor }) => actor),
  )
}

/** The executive sponsor approves a business-impacting task that somebody else wrote. */
export async function approveTask(tx: Tx, context: AppContext, caller: Caller, incidentId: string, id: string, version: number): Promise<void> {
  const incident = await lockOpenIncident(tx, context, caller, incidentId)
  const task = await lockTask(tx, incidentId, id)
  assertVersion(task, version)
  if (!task.isBusinessImpacting) throw conflict('This task does not need approval.')
  if (task.approvedById !== null) throw conflict('This task is already approved.')
  if (task.doneAt !== null) throw conflict('This task is already done.')
  if (!(await isExecutiveSponsor(tx, incident, caller))) throw forbidden('Only the executive sponsor of this incident can approve business-impacting tasks.')
  await assertSecondPerson(tx, caller, await authorsOf(tx, id), 'A task must be approved by somebody other than the person who wrote it.')
  await assertAsRecorded(context, tx, incidentId, taskRecord(task))
  await tx.db
    .update(tasks)
    .set({ approvedById: caller.personId, version: task.version + 1 })
    .where(eq(tasks.id, id))
  await record(tx, {
    actor: caller.actor,
    type: 'task.approved',
    subject: { kind: 'task', id },
    within: incidentId,
    data: { title: task.title, sha256: digest(approvedOfTask(task)) },
  })
}
