import { and, asc, eq, inArray, isNotNull, isNull, lte, ne, or } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, findPerson, people } from '../access/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import type { IncidentRow } from './incident.ts'
import { type Addressee, mailAbout } from './mails.ts'
import { incidents, tasks } from './tables.ts'

type Task = Pick<typeof tasks.$inferSelect, 'id' | 'title' | 'dueOn'>

export const taskReminderJob = defineJob({
  kind: 'tasks.remind',
  lane: housekeepingLane,
  /** The day for which it was scheduled: what was to be told since, and was not as the server was down, is told late. Earlier versions did not say. */
  data: z.object({ day: z.string().optional() }),
})

/** Leads who are told where an incident has none. */
const maxLeads = 5

/** Schedules the reminders of the next morning, 9 o'clock UTC, unless they are scheduled already. */
export async function scheduleTaskReminders(tx: Tx): Promise<void> {
  const today = `${tx.now.slice(0, 10)}T09:00:00.000Z`
  const morning = today > tx.now ? today : addDays(today, 1)
  await schedule(tx, { kind: taskReminderJob, key: taskReminderJob.kind, runAt: morning, data: { day: morning.slice(0, 10) } })
}

/** Overdue tasks are told of on the first day that they are overdue, and then once a week. @returns true where such a day is one of the last `days` */
const isToldOf = (daysOver: number, days: number) => Math.floor((daysOver - 1) / 7) > Math.floor((daysOver - 1 - days) / 7)

const mail = (origin: string, incident: IncidentRow, person: Addressee, subject: string, lines: readonly string[]) =>
  mailAbout(origin, incident, person, { purpose: 'task', subject, lines, neutral: 'This incident is restricted. Sign in to see its tasks.', tab: 'tasks' })

const daysBetween = (from: string, to: string) => Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000)

const lineOf = ({ title, dueOn }: Task) => `- ${title}${dueOn === null ? '' : `, due on ${dueOn}`}`

/** Tells somebody that a task is theirs now. Whoever takes one needs no mail about it. */
export async function tellAssignee(tx: Tx, context: AppContext, incident: IncidentRow, task: Task, assigneeId: string, byId: string): Promise<void> {
  const person = assigneeId === byId ? undefined : await findPerson(tx, assigneeId)
  if (person?.isActive) await context.messenger.postAll(tx, [mail(context.messenger.origin, incident, person, 'Task assigned to you', [lineOf(task)])])
}

/**
 * Every morning: open tasks that are due tomorrow or today go to their assignee, those that are overdue to the incident's lead as well, on the first day and
 * then once a week, or the morning after the server was down on such a day. In place of an assignee who has left, or where there is none, the lead is told; without a lead all leads are, and of a restricted incident
 * the administrators. One mail for each person and incident.
 */
export async function remindOfTasks(tx: Tx, context: AppContext, { day }: { readonly day?: string | undefined } = {}): Promise<void> {
  await scheduleTaskReminders(tx)
  const today = tx.now.slice(0, 10)
  const days = 1 + daysBetween(day ?? today, today)
  const tomorrow = addDays(tx.now, 1).slice(0, 10)
  const due = await tx.db
    .select({ task: tasks, incident: incidents })
    .from(tasks)
    .innerJoin(incidents, eq(incidents.id, tasks.incidentId))
    .where(and(isNull(tasks.doneAt), isNotNull(tasks.dueOn), lte(tasks.dueOn, tomorrow), ne(incidents.status, 'closed')))
    .orderBy(asc(tasks.dueOn), asc(tasks.id))
  if (due.length === 0) return
  const named = [...new Set(due.flatMap(({ task, incident }) => [task.assigneeId, incident.leadId]).filter(id => id !== null))]
  const active = await peopleWho(tx, named)
  const mails = new Map<string, { incident: IncidentRow; person: Addressee; soon: string[]; overdue: string[] }>()
  for (const { task, incident } of due) {
    const daysOver = daysBetween(task.dueOn ?? today, today)
    if (daysOver > 0 && !isToldOf(daysOver, days)) continue
    const own = [active.byId.get(task.assigneeId ?? '')].flatMap(person => person ?? [])
    const lead = active.byId.get(incident.leadId ?? '')
    const leads = lead === undefined ? active.insteadOf(incident) : [lead]
    const told = new Map([...own, ...(daysOver > 0 || own.length === 0 ? leads : [])].map(person => [person.id, person]))
    for (const person of told.values()) {
      const key = `${incident.id} ${person.id}`
      const one = mails.get(key) ?? { incident, person, soon: [], overdue: [] }
      mails.set(key, one)
      const whose = person.id === task.assigneeId ? '' : own.length === 0 ? '; nobody is assigned who is still here' : ''
      one[daysOver > 0 ? 'overdue' : 'soon'].push(`${lineOf(task)}${whose}`)
    }
  }
  await context.messenger.postAll(
    tx,
    [...mails.values()].map(({ incident, person, soon, overdue }) =>
      mail(context.messenger.origin, incident, person, overdue.length > 0 ? 'Tasks overdue' : 'Tasks due', [
        ...(overdue.length > 0 ? ['Overdue:', ...overdue] : []),
        ...(soon.length > 0 ? ['Due today or tomorrow:', ...soon] : []),
      ]),
    ),
  )
}

/** Those of some people who are active, and who is told in place of a lead. */
export async function peopleWho(reader: Reader, ids: readonly string[]) {
  const rows = await reader.db
    .select({ id: people.id, email: people.email, isDemo: people.isDemo, role: people.role })
    .from(people)
    .where(and(eq(people.isActive, true), or(inArray(people.id, [...ids]), inArray(people.role, ['lead', 'administrator']))))
    .orderBy(asc(people.id))
  const byId = new Map<string, Addressee>(rows.map(row => [row.id, row]))
  const insteadOf = (incident: IncidentRow): readonly Addressee[] => {
    const own = rows.filter(row => row.isDemo === incident.isDemo)
    const leads = incident.isRestricted ? [] : own.filter(row => row.role === 'lead')
    return (leads.length > 0 ? leads : own.filter(row => row.role === 'administrator')).slice(0, maxLeads)
  }
  return { byId, insteadOf }
}
