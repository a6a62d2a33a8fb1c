import type { Apprenticeship, HandoffNote, RouteInput, schedulingRoutes, TimeOff } from '@tocsin/api'
import { includesRole, teamOnCallDefaults } from '@tocsin/api'
import { span } from '@tocsin/events'
import { peopleOf, shifts } from '@tocsin/oncall'
import { and, desc, eq, gt, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, assertPeople, assertResponders, type Caller, findPerson, people } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record } from '../journal/index.ts'
import { addDays, laterOf } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, conflict, invalid, notFound } from '../kernel/problems.ts'
import { assertSecondPerson } from '../notify/index.ts'
import { notifyAffected } from './schedules.ts'
import { recordShifts } from './shift-log.ts'
import { type OnCallSnapshot, readSnapshot, referenceIn } from './snapshot.ts'
import { apprenticeships, handoffNotes, shiftRecords, timeOff } from './tables.ts'

const maxAhead = 50

type Row = typeof timeOff.$inferSelect

/** Who is away now or later, with those of their shifts that nobody covers. */
export async function listTimeOff(reader: Reader, given?: OnCallSnapshot): Promise<TimeOff[]> {
  const snapshot = given ?? (await readSnapshot(reader))
  const rows = await reader.db.select().from(timeOff).where(gt(timeOff.end, reader.now)).orderBy(timeOff.start)
  const teams = await listTeams(reader)
  return rows.map(row => view(snapshot, teams, row))
}

/** A shift of theirs is not covered where the required tier has nobody, and would have them without the time off. */
function view(snapshot: OnCallSnapshot, teams: readonly { id: string; name: string }[], row: Row): TimeOff {
  const uncovered = teams.flatMap(team =>
    (snapshot.settings.get(team.id)?.tiers ?? []).flatMap(({ scheduleId, position }) => {
      const core = snapshot.schedules.get(scheduleId)
      if (core === undefined) return []
      const from = laterOf(row.start, snapshot.at)
      const without = { ...core, absences: core.absences?.filter(one => one.participant !== row.personId) }
      const theirs = shifts(without, from, row.end, position).filter(shift => shift.participants.includes(row.personId))
      return theirs.flatMap(shift =>
        shifts(core, shift.start, shift.end, position)
          .filter(one => one.participants.length === 0)
          .map(({ start, end }) => ({
            team: { id: team.id, name: team.name },
            schedule: { id: scheduleId, name: snapshot.rows.get(scheduleId)?.name ?? '' },
            start,
            end,
          })),
      )
    }),
  )
  const inOrder = uncovered.toSorted((a, b) => (a.start < b.start ? -1 : 1))
  return { id: row.id, person: referenceIn(snapshot, row.personId), start: row.start, end: row.end, reason: row.reason, uncovered: inOrder }
}

/** Takes time off, and asks the others of each rotation to cover what is left open. */
export async function addTimeOff(tx: Tx, context: AppContext, caller: Caller, input: RouteInput<typeof schedulingRoutes.addTimeOff>['body']): Promise<TimeOff> {
  const personId = input.personId ?? caller.personId
  if (personId !== caller.personId && !includesRole(caller.role, 'lead')) throw new AppProblem('forbidden', 'Only a lead can add time off for someone else.')
  await assertPeople(tx, [personId], 'personId')
  if (input.end <= tx.now) throw invalid('end', 'must be in the future')
  if (input.end > addDays(input.start, 400)) throw invalid('end', 'must be at most 400 days after start')
  const held = await tx.db
    .select({ id: timeOff.id })
    .from(timeOff)
    .where(and(eq(timeOff.personId, personId), gt(timeOff.end, tx.now)))
  if (held.length >= maxAhead) throw conflict(`A person can have at most ${maxAhead} current and future time off entries.`)
  const before = await readSnapshot(tx)
  const row: Row = { id: newId(), personId, start: laterOf(input.start, tx.now), end: input.end, reason: input.reason }
  await tx.db.insert(timeOff).values(row)
  await record(tx, {
    actor: caller.actor,
    type: 'time-off.added',
    subject: { kind: 'person', id: personId },
    data: { id: row.id, start: row.start, end: row.end },
  })
  const after = await readSnapshot(tx)
  await followUp(tx, context, caller, before, after, personId)
  const off = view(after, await listTeams(tx), row)
  await askForCover(tx, context, after, off)
  return off
}

export async function removeTimeOff(tx: Tx, context: AppContext, caller: Caller, id: string): Promise<void> {
  const [row] = await tx.db.select().from(timeOff).where(eq(timeOff.id, id)).for('update')
  if (!row || row.end <= tx.now) throw notFound('time off')
  if (row.personId !== caller.personId && !includesRole(caller.role, 'lead'))
    throw new AppProblem('forbidden', "Only a lead can change someone else's time off.")
  const before = await readSnapshot(tx)
  if (row.start >= tx.now) await tx.db.delete(timeOff).where(eq(timeOff.id, id))
  else await tx.db.update(timeOff).set({ end: tx.now }).where(eq(timeOff.id, id))
  await record(tx, {
    actor: caller.actor,
    type: 'time-off.removed',
    subject: { kind: 'person', id: row.personId },
    data: { id, start: row.start, end: row.end },
  })
  await followUp(tx, context, caller, before, await readSnapshot(tx), row.personId)
}

async function followUp(tx: Tx, context: AppContext, caller: Caller, before: OnCallSnapshot, after: OnCallSnapshot, personId: string): Promise<void> {
  const concerned = schedulesWith(after, personId)
  await recordShifts(tx, context, concerned)
  await notifyAffected(tx, context, caller.actor, before, after, concerned)
}

/** The schedules that somebody is part of. */
export function schedulesWith(snapshot: OnCallSnapshot, personId: string): string[] {
  return [...snapshot.rows.values()]
    .filter(
      row =>
        row.layers.some(layer => peopleOf(layer).includes(personId)) ||
        snapshot.overrides.some(
          one => one.scheduleId === row.id && (one.participantIds.includes(personId) || one.layers?.some(layer => peopleOf(layer).includes(personId))),
        ),
    )
    .map(row => row.id)
}

async function askForCover(tx: Tx, context: AppContext, snapshot: OnCallSnapshot, off: TimeOff): Promise<void> {
  for (const [scheduleId, open] of Map.groupBy(off.uncovered, one => one.schedule.id)) {
    const row = snapshot.rows.get(scheduleId)
    const others = new Set(row?.layers.flatMap(peopleOf).filter(id => id !== off.person.id && snapshot.people.get(id)?.canRespond))
    const lines = open.slice(0, 20).map(({ start, end }) => `- ${span(start, end, tx.now, row?.timeZone)}`)
    for (const id of others) {
      const person = await findPerson(tx, id)
      if (!person) continue
      await context.messenger.post(tx, {
        channel: 'email',
        address: person.email,
        purpose: 'cover',
        purposeId: scheduleId,
        subject: `Can you cover for ${off.person.name} in ${row?.name ?? ''}?`,
        body: `${off.person.name} is away, and these shifts are not covered:\n\n${lines.join('\n')}\n\nTake a shift: ${context.messenger.origin}/on-call\n`,
        isDemo: person.isDemo,
      })
    }
  }
}

/** Who is in training in a team, and their progress. */
export async function listApprenticeships(reader: Reader, teamId: string): Promise<z.input<typeof Apprenticeship>[]> {
  const snapshot = await readSnapshot(reader, [])
  const rows = await reader.db.select().from(apprenticeships).where(eq(apprenticeships.teamId, teamId)).orderBy(apprenticeships.startedAt)
  const needed = (snapshot.settings.get(teamId) ?? teamOnCallDefaults).traineeShifts
  const watched = await reader.db
    .select({
      personId: sql<string>`jsonb_array_elements_text(case when jsonb_typeof(${shiftRecords.shadowIds}) = 'array' then ${shiftRecords.shadowIds} else '[]' end)`,
      n: sql<number>`count(*)::int`,
    })
    .from(shiftRecords)
    .where(and(eq(shiftRecords.teamId, teamId), isNotNull(shiftRecords.end)))
    .groupBy(sql`1`)
  const counts = new Map(watched.map(one => [one.personId, one.n]))
  return rows.map(row => ({
    person: referenceIn(snapshot, row.personId),
    watched: counts.get(row.personId) ?? 0,
    needed,
    startedAt: row.startedAt,
    finishedAt: row.finishedAt,
    finishedBy: row.finishedById === null ? null : referenceIn(snapshot, row.finishedById).name,
  }))
}

/** Starts somebody's training, or signs it off. Nobody can sign off themselves, nor before enough shifts were shadowed. */
export async function saveApprenticeship(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  teamId: string,
  personId: string,
  isFinished: boolean,
): Promise<z.input<typeof Apprenticeship>[]> {
  if ((await listTeams(tx, [teamId])).length === 0) throw notFound('team')
  await assertResponders(tx, [personId], 'personId')
  const before = await readSnapshot(tx)
  const known = (await listApprenticeships(tx, teamId)).find(one => one.person.id === personId)
  if (isFinished) {
    await assertSecondPerson(tx, caller, [personId], 'You cannot sign off your own training. Ask someone else.')
    if (!known) throw notFound('trainee')
    if (known.watched < known.needed) throw conflict(`${known.person.name} has shadowed ${known.watched} of ${known.needed} required shifts.`)
  }
  if (known !== undefined && (known.finishedAt !== null) === isFinished) return listApprenticeships(tx, teamId)
  const change = { finishedAt: isFinished ? tx.now : null, finishedById: isFinished ? caller.personId : null }
  await tx.db
    .insert(apprenticeships)
    .values({ teamId, personId, startedAt: tx.now, ...change })
    .onConflictDoUpdate({ target: [apprenticeships.teamId, apprenticeships.personId], set: change })
  await record(tx, {
    actor: caller.actor,
    type: isFinished ? 'apprenticeship.finished' : 'apprenticeship.begun',
    subject: { kind: 'person', id: personId },
    data: { teamId },
  })
  await followUp(tx, context, caller, before, await readSnapshot(tx), personId)
  return listApprenticeships(tx, teamId)
}

const notesCursor = listCursor('handoff-notes', z.tuple([z.iso.datetime(), z.uuid()]))

/** One page of the handoff notes of a team, the latest first. */
export async function listHandoffNotes(
  reader: Reader,
  caller: Caller,
  teamId: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ items: z.input<typeof HandoffNote>[]; next: string | null }> {
  await assertInTeam(reader, caller, teamId)
  const after = notesCursor.read(query.cursor)
  const rows = await reader.db
    .select({ note: handoffNotes, author: people.name })
    .from(handoffNotes)
    .innerJoin(people, eq(people.id, handoffNotes.writtenById))
    .where(and(eq(handoffNotes.teamId, teamId), after && sql`(${handoffNotes.writtenAt}, ${handoffNotes.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`))
    .orderBy(desc(handoffNotes.writtenAt), desc(handoffNotes.id))
    .limit(query.limit + 1)
  const { items, next } = notesCursor.page(rows, query.limit, ({ note }) => [note.writtenAt, note.id])
  return { items: items.map(({ note, author }) => ({ id: note.id, text: note.text, writtenBy: author, writtenAt: note.writtenAt })), next }
}

export async function writeHandoffNote(tx: Tx, caller: Caller, teamId: string, text: string): Promise<z.input<typeof HandoffNote>> {
  await assertInTeam(tx, caller, teamId)
  const row = { id: newId(), teamId, text, writtenById: caller.personId, writtenAt: tx.now }
  await tx.db.insert(handoffNotes).values(row)
  await record(tx, { actor: caller.actor, type: 'handoff-note.written', subject: { kind: 'team', id: teamId }, data: { id: row.id } })
  return { id: row.id, text, writtenBy: caller.actor.name, writtenAt: row.writtenAt }
}

/** Handoff notes describe what a team works on: they are for its people, and for leads. */
async function assertInTeam(reader: Reader, caller: Caller, teamId: string): Promise<void> {
  const [team] = await listTeams(reader, [teamId])
  if (!team) throw notFound('team')
  if (includesRole(caller.role, 'lead') || team.members.some(member => member.id === caller.personId)) return
  const snapshot = await readSnapshot(reader, [teamId])
  if (schedulesWith(snapshot, caller.personId).length === 0) throw new AppProblem('forbidden', 'Only people on the team can access its handoff notes.')
}
