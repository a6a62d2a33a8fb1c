import { and, eq, inArray, isNull } from 'drizzle-orm'
import { type AppContext, people } from '../access/index.ts'
import { type Actor, recordAll } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import type { NewMessage } from '../kernel/messenger.ts'
import { alerts } from './tables.ts'
import { among, decidedAlready, idsOf, type Obstacle, type TriagedAlert, triaged } from './triaged.ts'

/** The most leads who are told that alerts are nobody's work any more. */
const maxTold = 20

interface Person {
  readonly id: string
  readonly name: string
}

async function namesOf(reader: Reader, ids: readonly (string | null)[]): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(ids.filter(id => id !== null))]
  if (wanted.length === 0) return new Map()
  const rows = await reader.db.select({ id: people.id, name: people.name }).from(people).where(inArray(people.id, wanted))
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/** Why an alert cannot be assigned to somebody: people of the demo go with it, and a real alert would be left to nobody. */
export const unfitToAssign =
  (to: { readonly id: string; readonly isDemo: boolean }) =>
  (alert: TriagedAlert): Obstacle | undefined => {
    if (to.isDemo && !alert.isDemo) return 'demo-or-real'
    return decidedAlready(alert) ?? (alert.assigneeId === to.id ? 'assigned' : undefined)
  }

/** Why an alert cannot be unassigned. */
export const unfitToUnassign = (alert: TriagedAlert): Obstacle | undefined => decidedAlready(alert) ?? (alert.assigneeId === null ? 'unassigned' : undefined)

/** Makes alerts that are locked the work of somebody. */
export async function assigned(tx: Tx, actor: Actor, rows: readonly TriagedAlert[], to: Person): Promise<void> {
  await tx.db
    .update(alerts)
    .set({ assigneeId: to.id })
    .where(among(idsOf(rows)))
  await recordAssigned(tx, actor, rows, () => to)
}

/** Says of alerts whose work they are now, and whose they were. */
export async function recordAssigned(tx: Tx, actor: Actor, rows: readonly TriagedAlert[], toOf: (alert: TriagedAlert) => Person): Promise<void> {
  const names = await namesOf(
    tx,
    rows.map(row => row.assigneeId),
  )
  await recordAll(
    tx,
    rows.map(row => {
      const { id, name } = toOf(row)
      return {
        ...{ actor, type: 'alert.assigned' as const, subject: { kind: 'alert' as const, id: row.id }, within: row.incidentId },
        data: { to: { id, name }, before: named(names, row.assigneeId) },
      }
    }),
  )
}

const named = (names: ReadonlyMap<string, string>, id: string | null) => (id === null ? null : { id, name: names.get(id) ?? '' })

/** Whoever acknowledges alerts that are unassigned has taken them on; a service account works on nothing. */
export async function takeOn(tx: Tx, actor: Actor, personId: string, rows: readonly TriagedAlert[]): Promise<void> {
  const free = rows.filter(row => row.assigneeId === null)
  if (actor.kind === 'key' || free.length === 0) return
  const name = (await namesOf(tx, [personId])).get(personId)
  if (name !== undefined) await assigned(tx, actor, free, { id: personId, name })
}

/** Alerts that are locked are nobody's work any more. */
export async function unassigned(tx: Tx, actor: Actor, rows: readonly TriagedAlert[], reason?: string): Promise<void> {
  await tx.db
    .update(alerts)
    .set({ assigneeId: null })
    .where(among(idsOf(rows)))
  await recordUnassigned(tx, actor, rows, reason)
}

export async function recordUnassigned(tx: Tx, actor: Actor, rows: readonly TriagedAlert[], reason?: string): Promise<void> {
  const names = await namesOf(
    tx,
    rows.map(row => row.assigneeId),
  )
  await recordAll(
    tx,
    rows.flatMap(row => {
      const before = named(names, row.assigneeId)
      if (before === null) return []
      return [
        {
          ...{ actor, type: 'alert.unassigned' as const, subject: { kind: 'alert' as const, id: row.id }, within: row.incidentId },
          data: { before, ...(reason === undefined ? {} : { reason }) },
        },
      ]
    }),
  )
}

const maxNamed = 20

/** Numbers and severities of alerts, and no titles: a mail is read by others in the message log, whatever incident an alert becomes part of. */
function listed(rows: readonly TriagedAlert[]): string {
  const lines = rows.slice(0, maxNamed).map(({ number, severity, isExercise }) => `- alert ${number} (${severity}${isExercise ? ', exercise' : ''})`)
  const more = rows.length > maxNamed ? [`- and ${rows.length - maxNamed} more`] : []
  return [...lines, ...more].join('\n')
}

const counted = (n: number) => (n === 1 ? 'an alert' : `${n.toLocaleString('en-US')} alerts`)

function mailOf(
  origin: string,
  to: { readonly id: string; readonly email: string; readonly isDemo: boolean },
  rows: readonly TriagedAlert[],
  subject: string,
  sentence: string,
): NewMessage & { readonly id: string } {
  const [first] = rows
  const place = rows.length === 1 && first !== undefined ? `/alerts/${first.id}` : '/alerts'
  return {
    ...{ id: newId(), channel: 'email', address: to.email, purpose: 'alert-assignment', purposeId: to.id, isNeutral: true },
    ...{ subject, body: `${sentence}\n\n${listed(rows)}\n\n${origin}${place}\n`, isDemo: to.isDemo, isExercise: rows.every(row => row.isExercise) },
  }
}

/** Tells somebody by mail that alerts are their work now: one mail for all of them, and none where they did it themselves. */
export async function tellAssignee(tx: Tx, context: AppContext, actor: Actor, rows: readonly TriagedAlert[], toId: string): Promise<void> {
  if (rows.length === 0 || (actor.kind === 'person' && actor.id === toId)) return
  const [to] = await tx.db.select({ id: people.id, email: people.email, isDemo: people.isDemo }).from(people).where(eq(people.id, toId))
  if (to === undefined) return
  const what = counted(rows.length)
  await context.messenger.postAll(tx, [mailOf(context.messenger.origin, to, rows, `You were assigned ${what}`, `${actor.name} assigned ${what} to you.`)])
}

/** Alerts that are undecided again are nobody's work where whoever had them has left meanwhile. */
export async function withoutDeparted(tx: Tx, actor: Actor, ids: readonly string[]): Promise<void> {
  const left = await tx.db
    .select(triaged)
    .from(alerts)
    .innerJoin(people, and(eq(people.id, alerts.assigneeId), eq(people.isActive, false)))
    .where(and(among(ids), isNull(alerts.dispositionAt)))
  if (left.length > 0) await unassigned(tx, actor, left, departed)
}

const departed = 'Their account was deactivated'

/** Somebody leaves: what they had not decided yet is nobody's work any more, and the leads, or else the administrators, are told. */
export async function leaveAlerts(tx: Tx, context: AppContext, actor: Actor, personId: string): Promise<void> {
  const held = await tx.db
    .select(triaged)
    .from(alerts)
    .where(and(eq(alerts.assigneeId, personId), isNull(alerts.dispositionAt)))
    .orderBy(alerts.id)
    .for('update')
  if (held.length === 0) return
  await unassigned(tx, actor, held, departed)
  const [person] = await tx.db.select({ name: people.name, isDemo: people.isDemo }).from(people).where(eq(people.id, personId))
  const rows = await tx.db
    .select({ id: people.id, email: people.email, isDemo: people.isDemo, role: people.role })
    .from(people)
    .where(and(eq(people.isActive, true), inArray(people.role, ['lead', 'administrator']), eq(people.isDemo, person?.isDemo ?? false)))
    .orderBy(people.id)
  const leads = rows.filter(row => row.role === 'lead')
  const told = (leads.length > 0 ? leads : rows).slice(0, maxTold)
  const what = counted(held.length)
  const sentence = `${person?.name ?? 'Somebody'}, whose account was deactivated, was assigned ${what}. Assign somebody else.`
  await context.messenger.postAll(
    tx,
    told.map(to => mailOf(context.messenger.origin, to, held, `Unassigned: ${what}`, sentence)),
  )
}
