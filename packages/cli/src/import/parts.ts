import type { OrganizationFile } from '@tocsin/api'
import { type Weekday, weekdays } from '@tocsin/oncall'
import type { z } from 'zod'

type Input = z.input<typeof OrganizationFile>
export type ScheduleEntry = NonNullable<Input['schedules']>[number]
export type Layer = ScheduleEntry['layers'][number]
export type RotationSlot = Layer['participants'][number]
export type PolicyEntry = NonNullable<Input['policies']>[number]
export type LevelEntry = PolicyEntry['levels'][number]
export type TargetEntry = LevelEntry['targets'][number]
export type Restriction = NonNullable<Layer['restrictions']>[number]

/** A converted export, and what could not be converted, each with the reason. */
export interface Imported {
  readonly organization: Input
  readonly notes: readonly string[]
}

/** The day `by` days after another. */
export const dayAfter = (day: Weekday, by = 1): Weekday => weekdays[(((weekdays.indexOf(day) + by) % 7) + 7) % 7] ?? day

const two = (n: number) => String(n).padStart(2, '0')
/** `HH:MM` from minutes of a day; a whole day's end is `24:00`. */
export const clock = (minutes: number): string => (minutes === 1_440 ? '24:00' : `${two(Math.floor((minutes % 1_440) / 60))}:${two(minutes % 60)}`)

/** The wall-clock time that an instant shows in a zone: `2026-03-23T09:00`. */
export function wallTime(instant: string, timeZone: string): string {
  const shown = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const parts = Object.fromEntries(shown.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]))
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`
}

/**
 * Hours that begin on a weekday and last some minutes, as restrictions: those that last beyond the next midnight are cut at midnights, because a
 * restriction names one beginning and one end.
 */
export function spanOf(day: Weekday | undefined, startMinutes: number, minutes: number): Restriction[] {
  if (minutes >= 7 * 1_440 || (day === undefined && minutes >= 1_440)) return [{ from: '00:00', until: '24:00' }]
  const found: Restriction[] = []
  let [at, left, on] = [startMinutes, minutes, day]
  while (left > 0) {
    const today = Math.min(left, 1_440 - at)
    // One that ends on the next day within 24 hours is one restriction, over midnight.
    if (left <= 1_440 && at + left > 1_440 && at + left - 1_440 < at) {
      found.push({ ...(on ? { days: [on] } : {}), from: clock(at), until: clock(at + left - 1_440) })
      return found
    }
    found.push({ ...(on ? { days: [on] } : {}), from: clock(at), until: clock(at + today) })
    left -= today
    at = 0
    on = on && dayAfter(on)
  }
  return found
}

/** Puts restrictions of the same hours together, their days in order. */
export function joined(all: readonly Restriction[]): Restriction[] {
  const groups = Map.groupBy(all, ({ from, until }) => `${from} ${until}`)
  return [...groups.values()].map(group => {
    const [first] = group
    const days = group.every(one => one.days !== undefined) ? weekdays.filter(day => group.some(one => one.days?.includes(day))) : undefined
    return { ...(days && days.length < 7 ? { days: [...days] } : {}), from: first?.from ?? '00:00', until: first?.until ?? '24:00' }
  })
}

/** A shift's length in seconds as a rotation. @returns undefined for one that is no whole number of hours */
export function rotationOf(seconds: number, start: string): Layer['rotation'] | undefined {
  for (const [type, unit] of [
    ['weekly', 604_800],
    ['daily', 86_400],
    ['hourly', 3_600],
  ] as const)
    if (seconds > 0 && seconds % unit === 0) return { type, every: seconds / unit, start }
  return undefined
}

/** Makes names unique: a second one of the same gets a number. */
export function uniqueNames(): (name: string) => string {
  const seen = new Map<string, number>()
  return name => {
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return times === 1 ? name : `${name} ${times}`
  }
}

/** The slot of these people in a rotation. An empty one is kept, or the others would be on call at other times than before. */
export const slotOf = (people: readonly string[]): RotationSlot => {
  const [only, ...more] = people
  return only !== undefined && more.length === 0 ? only : [...people]
}

/** The team of everything that has none. */
export const strayTeam = 'Imported'

/** The teams that things belong to, each with its members; all as engineering teams, which a person changes where they respond to security. */
export function teamEntries(used: readonly string[], known: readonly string[], membersOf: (name: string) => string[]) {
  return [...new Set([...known, ...used])].map(name => ({ name, kind: 'engineering' as const, members: [...new Set(membersOf(name))] }))
}
