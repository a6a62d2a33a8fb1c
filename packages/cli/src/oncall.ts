import { type OrganizationFile, RotationShape, TimeZone } from '@tocsin/api'
import { coverage, fairness, handoffs, type Rotation, type Schedule, shifts, type Team, whoIsOnCall } from '@tocsin/oncall'
import { readOrganizationFile } from './organization-files.ts'
import { CliProblem } from './output.ts'
import { validated } from './validated.ts'

export interface HandoffOptions extends Rotation {
  readonly zone: string
  readonly from: string
  readonly until: string
}

/** The longest period. */
const maxYears = 20
const maxHandoffs = 200_000

const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)

/** An instant: ISO 8601 with an offset or Z. */
function instantOf(text: string, option: string): string {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new CliProblem(`${option} must be an instant such as 2026-03-23T09:00:00+01:00.`, 2)
  return new Date(text).toISOString()
}

function periodOf({ from, until }: { from: string; until: string }): { from: string; until: string } {
  const period = { from: instantOf(from, '--from'), until: instantOf(until, '--until') }
  if (Date.parse(period.until) <= Date.parse(period.from)) throw new CliProblem('--until must be later than --from.', 2)
  if (Date.parse(period.until) - Date.parse(period.from) > maxYears * 366 * 86_400_000)
    throw new CliProblem(`--until must be at most ${maxYears} years after --from.`, 2)
  return period
}

/** Prints the handoffs of a rotation. */
export function oncallHandoffs({ zone, from, until, ...given }: HandoffOptions): void {
  const { type, every, start } = validated(RotationShape, { type: given.type, every: given.every, start: given.start }, 'rotation')
  validated(TimeZone, zone, '--zone')
  const found = handoffs({ type, every, start }, zone, periodOf({ from, until }))
  if (found.length > maxHandoffs) throw new CliProblem(`The period has more than ${maxHandoffs} handoffs. Choose a shorter period.`, 2)
  print(found)
}

async function scheduleOf(file: string, name: string): Promise<Schedule> {
  const { schedules } = await readOrganizationFile(file)
  const found = schedules.filter(schedule => schedule.name === name)
  if (found.length > 1) throw new CliProblem(`${file} has two schedules named ${name}.`, 2)
  if (found[0] === undefined)
    throw new CliProblem(`${file} has no schedule named ${name}. Schedules in the file: ${schedules.map(schedule => schedule.name).join(', ') || 'none'}.`, 2)
  return found[0]
}

/** Prints who is on call in a schedule of a file. */
export async function oncallWho({ file, schedule, at }: { file: string; schedule: string; at: string }): Promise<void> {
  const instant = instantOf(at, '--at')
  print({ schedule, at: instant, onCall: whoIsOnCall(await scheduleOf(file, schedule), instant) })
}

/** Prints the shifts of a schedule of a file; one without participants is a gap. */
export async function oncallShifts({ file, schedule, ...period }: { file: string; schedule: string; from: string; until: string }): Promise<void> {
  const { from, until } = periodOf(period)
  print(shifts(await scheduleOf(file, schedule), from, until))
}

/** A team as the core reads it, if it has coverage requirements. */
function tiersOf({ name, timeZone = 'UTC', tiers, longestDays, longestNights }: OrganizationFile['teams'][number]): Team[] {
  return tiers === undefined ? [] : [{ name, timeZone, tiers, longestDays, longestNights }]
}

/** Prints what is wrong with the coverage of the teams of a file. Exit code 1 when something is, so that a pipeline stops there. */
export async function oncallCoverage({ file, ...period }: { file: string; from: string; until: string }): Promise<void> {
  const { from, until } = periodOf(period)
  const { teams, schedules } = await readOrganizationFile(file)
  const required = teams.flatMap(tiersOf)
  if (required.length === 0) throw new CliProblem(`${file} has no teams with coverage requirements.`, 2)
  for (const { name, tiers } of required)
    for (const { schedule } of tiers)
      if (!schedules.some(known => known.name === schedule)) throw new CliProblem(`${file} has no schedule named ${schedule}, which a tier of ${name} uses.`, 2)
  const concerns = required.flatMap(team => coverage(team, schedules, from, until))
  print(concerns)
  if (concerns.length > 0) process.exitCode = 1
}

/** Prints who carries how much of a schedule of a file, with the holidays of the teams that use it. */
export async function oncallFairness({ file, schedule, ...period }: { file: string; schedule: string; from: string; until: string }): Promise<void> {
  const { from, until } = periodOf(period)
  const { teams } = await readOrganizationFile(file)
  const holidays = teams.filter(team => team.tiers?.some(tier => tier.schedule === schedule)).flatMap(team => team.holidays ?? [])
  print(fairness(await scheduleOf(file, schedule), from, until, { holidays }))
}
