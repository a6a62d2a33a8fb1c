import { createHash } from 'node:crypto'
import type { Concern } from '@tocsin/api'
import { span } from '@tocsin/events'
import { type Concern as CoreConcern, type Team as CoreTeam, coverage, peopleOf } from '@tocsin/oncall'
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, people } from '../access/index.ts'
import { listTeams } from '../directory/index.ts'
import { record, system } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { contactMethods } from '../notify/index.ts'
import { horizonDays } from './schedules.ts'
import { type OnCallSnapshot, readSnapshot, referenceIn, type Settings, vacancies } from './snapshot.ts'

export const coverageJob = defineJob({ kind: 'scheduling.coverage', lane: housekeepingLane, data: z.object({}) })
/** The most that one email lists: the on-call page has all. */
const maxListed = 20

/** People who cannot be paged: they set contact methods up, and none of them is verified. */
export async function unreachablePeople(reader: Reader): Promise<ReadonlySet<string>> {
  const rows = await reader.db
    .select({ personId: contactMethods.personId })
    .from(contactMethods)
    .groupBy(contactMethods.personId)
    .having(sql`bool_and(${contactMethods.verifiedAt} is null)`)
  return new Set(rows.map(row => row.personId))
}

/** Concerns by everything that they follow from: every open web page asks for them with each change of anything. */
const known = new Map<string, Concern[]>()
const maxKnown = 2_000

/** What is wrong with the coverage that a team requires in the coming 90 days, counted from the full hour. */
export function comingConcerns(snapshot: OnCallSnapshot, teamId: string, unreachable: ReadonlySet<string>): Concern[] {
  const settings = snapshot.settings.get(teamId)
  if (!settings) return []
  const hour = `${snapshot.at.slice(0, 13)}:00:00.000Z`
  const schedules = settings.tiers.map(one => snapshot.schedules.get(one.scheduleId))
  const names = [...new Set(schedules.flatMap(one => one?.layers.flatMap(peopleOf) ?? []))].map(id => [id, snapshot.people.get(id)?.name, unreachable.has(id)])
  const key = createHash('sha256')
    .update(JSON.stringify([teamId, hour, settings, schedules, names]))
    .digest('base64')
  const found = known.get(key) ?? concernsOf(snapshot, teamId, unreachable, hour, addDays(hour, horizonDays))
  known.delete(key)
  known.set(key, found)
  const oldest = known.size > maxKnown ? known.keys().next().value : undefined
  if (oldest !== undefined) known.delete(oldest)
  return found
}

/** What is wrong with the coverage that a team requires, in a period. */
export function concernsOf(snapshot: OnCallSnapshot, teamId: string, unreachable: ReadonlySet<string>, from: string, until: string): Concern[] {
  const settings = snapshot.settings.get(teamId)
  if (!settings) return []
  const core = tiersOf(settings)
  const known = { ...core, tiers: core.tiers.filter(one => snapshot.schedules.has(one.schedule)) }
  return coverage(known, [...snapshot.schedules.values()], from, until, unreachable).map(concern => ({
    kind: concern.kind,
    start: concern.start,
    end: concern.end,
    tier: concern.kind === 'double' ? concern.tiers.join(' and ') : concern.tier,
    person: 'participant' in concern ? referenceIn(snapshot, concern.participant) : null,
    sentence: sentenceOf(snapshot, concern),
  }))
}

function tiersOf(settings: Settings): CoreTeam {
  return {
    name: '',
    timeZone: settings.timeZone,
    tiers: settings.tiers.map(({ name, scheduleId, position, hours }) => ({ name, schedule: scheduleId, position, hours })),
    longestDays: settings.longestDays ?? undefined,
    longestNights: settings.longestNights ?? undefined,
  }
}

function sentenceOf(snapshot: OnCallSnapshot, concern: CoreConcern): string {
  const name = 'participant' in concern ? referenceIn(snapshot, concern.participant).name : ''
  if (concern.kind === 'gap') return `Coverage gap: nobody is on call as ${concern.tier}.`
  if (concern.kind === 'double') return `${name} is on call as ${concern.tiers.join(' and ')} at the same time, so there is no backup.`
  if (concern.kind === 'stretch') return `${name} is on call as ${concern.tier} for ${concern.days} days without a break.`
  if (concern.kind === 'nights') return `${name} is on call as ${concern.tier} for ${concern.nights} nights in a row.`
  return `${name} is on call as ${concern.tier} but cannot be paged: no verified contact method.`
}

/** Schedules the coverage check of the next morning, unless it is already scheduled. */
export async function scheduleCoverageCheck(tx: Tx): Promise<void> {
  const morning = `${tx.now.slice(0, 10)}T07:00:00.000Z`
  await schedule(tx, { kind: coverageJob, key: coverageJob.kind, runAt: morning > tx.now ? morning : addDays(morning, 1), data: {} })
}

/** Once a day: what is wrong with the next 90 days goes to the leads of the organization who are in the team, or else to all leads. */
export async function alarmCoverage(tx: Tx, context: AppContext): Promise<void> {
  await scheduleCoverageCheck(tx)
  const snapshot = await readSnapshot(tx)
  const unreachable = await unreachablePeople(tx)
  const leads = await tx.db
    .select()
    .from(people)
    .where(and(eq(people.isActive, true), isNotNull(people.email)))
  for (const team of await listTeams(tx)) {
    const concerns = comingConcerns(snapshot, team.id, unreachable)
    const open = vacancies(snapshot, team.id)
    if (concerns.length === 0 && open.length === 0) continue
    const responsible = leads.filter(person => ['lead', 'administrator'].includes(person.role) && person.isDemo === team.isDemo)
    const own = responsible.filter(person => team.members.some(member => member.id === person.id))
    const zone = snapshot.settings.get(team.id)?.timeZone
    const lines = [...concerns.map(one => `- ${span(one.start, one.end, tx.now, zone)}: ${one.sentence}`), ...open.map(one => `- ${one.sentence}`)]
    const more = lines.length > maxListed ? [`- and ${lines.length - maxListed} more`] : []
    await record(tx, {
      actor: system,
      type: 'coverage.alarmed',
      subject: { kind: 'team', id: team.id },
      data: { concerns: concerns.length, vacancies: open.length, first: concerns[0]?.start ?? null },
    })
    for (const person of own.length > 0 ? own : responsible)
      await context.messenger.post(tx, {
        channel: 'email',
        address: person.email,
        purpose: 'coverage',
        purposeId: team.id,
        subject: `${team.name}: ${lines.length === 1 ? '1 on-call coverage problem' : `${lines.length} on-call coverage problems`} in the next 90 days`,
        body: `${[...lines.slice(0, maxListed), ...more].join('\n')}\n\nView the schedule: ${context.messenger.origin}/on-call\n`,
        isDemo: person.isDemo,
      })
  }
}
