import type { Weekday } from '@tocsin/oncall'
import { z } from 'zod'
import {
  type Imported,
  joined,
  type Layer,
  type LevelEntry,
  type PolicyEntry,
  type Restriction,
  type ScheduleEntry,
  slotOf,
  spanOf,
  strayTeam,
  type TargetEntry,
  teamEntries,
  uniqueNames,
  wallTime,
} from './parts.ts'

// https://grafana.com/docs/oncall/latest/oncall-api-reference/: the answers of users, teams, schedules, on_call_shifts, escalation_chains and
// escalation_policies, each with its list under `results`.
const Item = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  email: z.string().nullish(),
  username: z.string().nullish(),
  role: z.string().nullish(),
  type: z.string().nullish(),
  team_id: z.string().nullish(),
  time_zone: z.string().nullish(),
  shifts: z.array(z.string()).nullish(),
  level: z.number().nullish(),
  start: z.string().nullish(),
  duration: z.union([z.number(), z.string()]).nullish(),
  frequency: z.string().nullish(),
  interval: z.number().nullish(),
  by_day: z.array(z.string()).nullish(),
  by_month: z.array(z.number()).nullish(),
  by_monthday: z.array(z.number()).nullish(),
  until: z.string().nullish(),
  users: z.array(z.string()).nullish(),
  rolling_users: z.array(z.array(z.string())).nullish(),
  start_rotation_from_user_index: z.number().nullish(),
  escalation_chain_id: z.string().nullish(),
  position: z.number().nullish(),
  persons_to_notify: z.array(z.string()).nullish(),
  notify_on_call_from_schedule: z.string().nullish(),
  notify_to_team_members: z.string().nullish(),
  notify_if_time_from: z.string().nullish(),
  notify_if_time_to: z.string().nullish(),
  important: z.boolean().nullish(),
  ical_url_primary: z.string().nullish(),
})
type Entry = z.output<typeof Item>
export const GrafanaOncallExport = z.object({ results: z.array(Item) })

const rotations: Readonly<Record<string, Layer['rotation']['type']>> = { hourly: 'hourly', daily: 'daily', weekly: 'weekly', monthly: 'monthly' }
const dayNames: Readonly<Record<string, Weekday>> = { MO: 'mon', TU: 'tue', WE: 'wed', TH: 'thu', FR: 'fri', SA: 'sat', SU: 'sun' }
const isShift = (item: Entry) => item.start != null && item.duration != null && item.type !== 'wait' && item.escalation_chain_id == null

/** Shifts of a higher level win; those of one level are on call together: layers that are merged with each other. */
export function importGrafanaOncall(parts: readonly z.output<typeof GrafanaOncallExport>[]): Imported {
  const notes: string[] = []
  const items = parts.flatMap(part => part.results)
  const users = items.filter(item => item.email != null)
  const shifts = new Map(items.filter(isShift).map(item => [item.id, item]))
  const schedules = items.filter(item => item.shifts != null || item.ical_url_primary != null)
  const steps = items.filter(item => item.escalation_chain_id != null)
  const chains = items.filter(item => steps.some(step => step.escalation_chain_id === item.id))
  const teams = items.filter(
    item =>
      item.name != null &&
      item.email == null &&
      item.shifts == null &&
      !isShift(item) &&
      item.escalation_chain_id == null &&
      !chains.includes(item) &&
      schedulesOrChainsOf(item.id),
  )
  function schedulesOrChainsOf(id: string): boolean {
    return items.some(item => item.team_id === id)
  }
  const teamOf = (item: Entry) => teams.find(team => team.id === item.team_id)?.name ?? strayTeam
  const emailOf = (id: string, what: string): string[] => {
    const email = users.find(user => user.id === id)?.email
    if (email != null) return [email]
    notes.push(`${what}: the user ${id} was not exported. Their shifts, if any, stay empty.`)
    return []
  }
  const unique = uniqueNames()
  const names = new Map(schedules.map(schedule => [schedule.id, unique(schedule.name ?? 'Schedule')]))

  const entries = schedules.flatMap((schedule): ScheduleEntry[] => {
    const name = names.get(schedule.id) ?? ''
    if (schedule.ical_url_primary != null) {
      notes.push(`schedule ${name}: comes from an external calendar (iCalendar), whose shifts are not exported. Create it again in Tocsin.`)
      return []
    }
    const timeZone = schedule.time_zone ?? 'UTC'
    const own = (schedule.shifts ?? []).flatMap(id => shifts.get(id) ?? [])
    const missing = (schedule.shifts ?? []).filter(id => !shifts.has(id))
    if (missing.length > 0) notes.push(`schedule ${name}: ${missing.length} of its shifts were not exported.`)
    const overrides = own.filter(shift => shift.type === 'override')
    const layers = own
      .filter(shift => shift.type !== 'override')
      .toSorted((a, b) => (a.level ?? 0) - (b.level ?? 0))
      .map((shift, place, all): Layer => {
        const isBeside = place > 0 && (all[place - 1]?.level ?? 0) === (shift.level ?? 0)
        return { ...layerOf(shift, name, timeZone), ...(isBeside ? { beside: true } : {}) }
      })
    return [
      {
        ...{ name, team: teamOf(schedule), timeZone, merge: 'top', layers },
        overrides: overrides.map(shift => {
          const zone = shift.time_zone ?? timeZone
          const start = instantOf(shift.start ?? '', zone)
          const end = new Date(Date.parse(start) + Number(shift.duration) * 1_000).toISOString()
          return {
            kind: 'replace' as const,
            participants: (shift.users ?? shift.rolling_users?.flat() ?? []).flatMap(id => emailOf(id, `an override of ${name}`)),
            start,
            end,
          }
        }),
      },
    ]
  })

  function layerOf(shift: Entry, schedule: string, zone: string): Layer {
    const what = `schedule ${schedule}, shift ${shift.name ?? shift.id}`
    const timeZone = shift.time_zone ?? zone
    const start = (shift.start ?? '').slice(0, 16)
    const minutes = Math.round(Number(shift.duration) / 60)
    const together = (ids: readonly string[]) => slotOf(ids.flatMap(id => emailOf(id, what)))
    const named = { name: shift.name ?? 'Shift', timeZone }
    if (shift.type === 'single_event') {
      const starts = instantOf(shift.start ?? '', timeZone)
      const ends = new Date(Date.parse(starts) + minutes * 60_000).toISOString()
      return { ...named, rotation: { type: 'monthly', every: 12, start }, participants: [together(shift.users ?? [])], starts, ends }
    }
    const type = rotations[shift.frequency ?? 'weekly'] ?? 'weekly'
    const [hours = 0, mins = 0] = start.slice(11).split(':').map(Number)
    const days = shift.by_day?.flatMap(day => dayNames[day] ?? []) ?? []
    const period = { hourly: 60, daily: 1_440, weekly: 10_080, monthly: 40_320 }[type] * (shift.interval ?? 1)
    // A shift that is shorter than its period, or only on some days, is hours of the layer.
    const restrictions: Restriction[] =
      days.length > 0
        ? days.flatMap(day => spanOf(day, hours * 60 + mins, minutes))
        : minutes < period && type !== 'hourly'
          ? spanOf(undefined, hours * 60 + mins, minutes)
          : []
    if (type === 'monthly' && days.length === 0 && minutes < period)
      notes.push(`${what}: a shift that is shorter than a month recurs here on every day of the month. Check its hours.`)
    if ((shift.by_month?.length ?? 0) > 0 || (shift.by_monthday?.length ?? 0) > 0)
      notes.push(`${what}: recurs only in some months or on some days of the month. Tocsin restricts hours by weekday, so it recurs without that limit.`)
    const groups = shift.rolling_users ?? [shift.users ?? []]
    const first = shift.start_rotation_from_user_index ?? 0
    return {
      ...named,
      rotation: { type, every: shift.interval ?? 1, start },
      participants: [...groups.slice(first), ...groups.slice(0, first)].map(together),
      ...(groups.length > 1 && days.length > 0 && type === 'daily' ? { advance: 'shift' as const } : {}),
      ...(restrictions.length > 0 ? { restrictions: joined(restrictions) } : {}),
      ...(shift.until ? { ends: instantOf(shift.until, timeZone) } : {}),
    }
  }

  if (new Set(steps.filter(step => step.important != null).map(step => step.important)).size > 1)
    notes.push(
      'Grafana OnCall notifies people differently for important steps. In Tocsin the urgency of the page decides, which follows from its severity and service (`highFrom` and `routing` of the team).',
    )

  const policies = chains.map((chain): PolicyEntry => {
    const what = `escalation chain ${chain.name ?? chain.id}`
    const own = steps.filter(step => step.escalation_chain_id === chain.id).toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
    const found: LevelEntry[] = []
    let repeats = 0
    let hours: LevelEntry['when']
    for (const step of own) {
      const seconds = Number(step.duration ?? 60)
      if (step.type === 'wait') {
        const last = found.at(-1)
        // A wait is the time that the level before has; at the beginning it is a level that only waits.
        if (last) found[found.length - 1] = { ...last, waitMinutes: last.waitMinutes + Math.round(seconds / 60) }
        else found.push({ targets: [], waitMinutes: Math.round(seconds / 60) })
        continue
      }
      if (step.type === 'repeat_escalation') {
        repeats = 5
        continue
      }
      if (step.type === 'notify_if_time_from_to' && step.notify_if_time_from && step.notify_if_time_to) {
        hours = { timeZone: 'UTC', hours: [{ from: step.notify_if_time_from.slice(0, 5), until: step.notify_if_time_to.slice(0, 5) }] }
        continue
      }
      const targets = targetsOf(step, what)
      if (targets.length > 0) found.push({ targets, waitMinutes: 0, whenEmpty: 'wait', ...(hours ? { when: hours } : {}) })
    }
    const list = found.length > 0 ? found : [{ targets: [{ everyone: true as const }], waitMinutes: 5 }]
    const last = list.at(-1)
    if (last && last.waitMinutes === 0) list[list.length - 1] = { ...last, waitMinutes: 5 }
    return { team: teamOf(chain), name: chain.name ?? 'Escalation chain', levels: list, repeats }
  })

  function targetsOf(step: Entry, what: string): TargetEntry[] {
    if (step.persons_to_notify != null && step.persons_to_notify.length > 0)
      return step.persons_to_notify.flatMap(id => emailOf(id, what)).map(person => ({ person }))
    if (step.notify_on_call_from_schedule != null) {
      const schedule = names.get(step.notify_on_call_from_schedule)
      if (schedule !== undefined) return [{ schedule }]
      notes.push(`${what}: a step pages a schedule that was not exported. The step is left out.`)
      return []
    }
    const team = teams.find(one => one.id === step.notify_to_team_members)?.name
    if (team != null) return [{ team }]
    notes.push(`${what}: a step of type ${step.type ?? 'unknown'} has no equivalent in Tocsin. The step is left out.`)
    return []
  }

  const entered = teamEntries(
    [...entries.map(one => one.team ?? strayTeam), ...policies.map(one => one.team)],
    teams.map(team => team.name ?? ''),
    () => [],
  )
  if (entered.length > 0) notes.push('The export has no team members. Add them in teams.yaml.')
  return {
    organization: {
      people: users.map(user => ({
        email: user.email ?? '',
        name: user.name ?? user.username ?? user.email ?? '',
        role: user.role === 'admin' ? 'administrator' : user.role === 'observer' || user.role === 'viewer' ? 'observer' : 'responder',
      })),
      teams: entered.map(team => {
        const [first] = policies.filter(one => one.team === team.name)
        return { ...team, ...(first ? { policy: first.name } : {}) }
      }),
      schedules: entries,
      policies,
    },
    notes,
  }
}

/** The instant of a time without offset, in a time zone. */
function instantOf(text: string, timeZone: string): string {
  if (/(Z|[+-]\d\d:\d\d)$/.test(text)) return new Date(text).toISOString()
  const wall = `${text.slice(0, 16)}`
  const guess = Date.parse(`${wall}Z`)
  const shown = Date.parse(`${wallTime(new Date(guess).toISOString(), timeZone)}Z`)
  return new Date(guess - (shown - guess)).toISOString()
}
