import { type Weekday, weekdays } from '@tocsin/oncall'
import { z } from 'zod'
import {
  type Imported,
  joined,
  type Layer,
  type LevelEntry,
  type PolicyEntry,
  type Restriction,
  type RotationSlot,
  type ScheduleEntry,
  slotOf,
  spanOf,
  strayTeam,
  type TargetEntry,
  teamEntries,
  uniqueNames,
  wallTime,
} from './parts.ts'

// https://docs.opsgenie.com/docs/api-overview: the answers of /v2/users, /v2/teams, /v2/schedules?expand=rotation, /v2/escalations, and
// /v2/schedules/ID/overrides, each with its list under `data`.
const Owner = z.object({ id: z.string().nullish(), name: z.string().nullish() }).nullish()
const Participant = z.object({ type: z.string(), id: z.string().nullish(), username: z.string().nullish(), name: z.string().nullish() })
const Hours = z.object({
  startHour: z.number(),
  startMin: z.number().default(0),
  endHour: z.number(),
  endMin: z.number().default(0),
  startDay: z.string().nullish(),
  endDay: z.string().nullish(),
})
const Rotation = z.object({
  id: z.string().nullish(),
  name: z.string().nullish(),
  startDate: z.string(),
  endDate: z.string().nullish(),
  type: z.enum(['hourly', 'daily', 'weekly']),
  length: z.number().default(1),
  participants: z.array(Participant),
  timeRestriction: z.object({ type: z.string(), restriction: Hours.nullish(), restrictions: z.array(Hours).nullish() }).nullish(),
})
const Item = z.looseObject({
  id: z.string().nullish(),
  name: z.string().nullish(),
  username: z.string().nullish(),
  fullName: z.string().nullish(),
  role: z.union([z.object({ name: z.string().nullish() }), z.string()]).nullish(),
  members: z.array(z.object({ user: z.object({ id: z.string().nullish(), username: z.string().nullish() }), role: z.string().nullish() })).nullish(),
  timezone: z.string().nullish(),
  enabled: z.boolean().nullish(),
  ownerTeam: Owner,
  rotations: z.array(Rotation).nullish(),
  overridden: z.array(z.object({ id: z.string().nullish(), name: z.string().nullish() })).nullish(),
  rules: z
    .array(
      z.object({
        condition: z.string(),
        notifyType: z.string(),
        delay: z.object({ timeAmount: z.number(), timeUnit: z.string().default('minutes') }),
        recipient: Participant,
      }),
    )
    .nullish(),
  repeat: z.object({ waitInterval: z.number().nullish(), count: z.number().nullish(), closeAlertAfterAll: z.boolean().nullish() }).nullish(),
  user: z.object({ username: z.string().nullish(), type: z.string().nullish() }).nullish(),
  startDate: z.string().nullish(),
  endDate: z.string().nullish(),
  _parent: z.object({ id: z.string().nullish(), name: z.string().nullish() }).nullish(),
})
/** An override calls the rotations that it is about `rotations` too, but holds their names alone. */
const splitRotations = (item: unknown) =>
  typeof item === 'object' && item !== null && 'user' in item && 'rotations' in item ? { ...item, rotations: undefined, overridden: item.rotations } : item
export const OpsgenieExport = z.object({ data: z.array(z.preprocess(splitRotations, Item)) })

type Override = Pick<z.output<typeof Item>, 'overridden'>

const minutesIn: Readonly<Record<string, number>> = { minutes: 1, hours: 60, days: 1_440 }
/** Minutes from the alert until a rule pages. */
const delayOf = ({ delay }: { delay: { timeAmount: number; timeUnit: string } }) => delay.timeAmount * (minutesIn[delay.timeUnit] ?? 1)
const dayOf = (name: string | null | undefined): Weekday => weekdays.find(day => name?.toLowerCase().startsWith(day)) ?? 'mon'

/** The rotations of Opsgenie are all on call at once: layers that are merged as `all`. Delays of a rule count from the alert, here from the level before. */
export function importOpsgenie(parts: readonly z.output<typeof OpsgenieExport>[]): Imported {
  const notes: string[] = []
  const items = parts.flatMap(part => part.data)
  const users = items.filter(item => item.username != null && item.fullName != null)
  const teams = items.filter(item => item.members != null)
  const schedules = items.flatMap(item => (item.rotations != null ? [{ ...item, rotations: item.rotations }] : []))
  const escalations = items.filter(item => item.rules != null)
  const overrides = items.filter(item => item.user?.username != null && item.startDate != null && item.endDate != null)
  const teamOf = (owner: z.output<typeof Owner>) => owner?.name ?? teams.find(team => team.id === owner?.id)?.name ?? strayTeam
  const emailOf = ({ id, username }: { id?: string | null | undefined; username?: string | null | undefined }) =>
    (username ?? users.find(user => user.id === id)?.username ?? '').toLowerCase()
  const unique = uniqueNames()
  const names = new Map(schedules.map(schedule => [schedule, unique(schedule.name ?? 'Schedule')]))
  const scheduleNamed = (target: z.output<typeof Participant>) => {
    const found = schedules.find(one => one.id === target.id || (target.name != null && one.name === target.name))
    return found && names.get(found)
  }

  /** The people whom an escalation notifies first. */
  const firstNotified = ({ rules }: z.output<typeof Item>): string[] => {
    const first = Math.min(...(rules ?? []).map(delayOf))
    return (rules ?? [])
      .filter(rule => delayOf(rule) === first)
      .flatMap(({ recipient }) => {
        if (recipient.type === 'user') return [emailOf(recipient)]
        const team = teams.find(each => recipient.type === 'team' && (each.id === recipient.id || each.name === recipient.name))
        return (team?.members ?? []).map(member => emailOf(member.user))
      })
  }

  const entries = schedules.map((schedule): ScheduleEntry => {
    const name = names.get(schedule) ?? ''
    const timeZone = schedule.timezone ?? 'UTC'
    if (schedule.enabled === false) notes.push(`schedule ${name}: is disabled in Opsgenie but would be active in Tocsin. Leave it out if you do not want that.`)
    const layers = schedule.rotations.map((rotation, place): Layer => {
      const what = `schedule ${name}, rotation ${rotation.name ?? place + 1}`
      const participants = rotation.participants.map((one): RotationSlot => {
        if (one.type === 'user') return emailOf(one)
        if (one.type === 'none') return []
        const isNamed = (each: { id?: string | null | undefined; name?: string | null | undefined }) => each.id === one.id || each.name === one.name
        const team = teams.find(each => one.type === 'team' && isNamed(each))
        const escalation = escalations.find(each => one.type === 'escalation' && isNamed(each))
        if (escalation !== undefined) {
          const first = firstNotified(escalation)
          notes.push(
            first.length > 0
              ? `${what}: the escalation ${escalation.name ?? ''} is replaced by those whom it notifies first (${first.join(', ')}). Add the others to an escalation policy.`
              : `${what}: the escalation ${escalation.name ?? ''} cannot be a participant, because it notifies a schedule first. Its shifts stay empty.`,
          )
          return slotOf(first)
        }
        const label = `the ${one.type} ${one.name ?? one.id ?? ''}`
        if (team === undefined) {
          notes.push(`${what}: ${label} cannot be a participant, because participants are people. Its shifts stay empty.`)
          return []
        }
        notes.push(`${what}: ${label} is replaced by its current members. Add people who join the team later.`)
        return slotOf((team.members ?? []).map(member => emailOf(member.user)))
      })
      const hours = rotation.timeRestriction
      const restrictions: Restriction[] =
        hours == null
          ? []
          : hours.type === 'time-of-day'
            ? [hours.restriction].flatMap(one => (one == null ? [] : spanOf(undefined, one.startHour * 60 + one.startMin, lengthOf(one, 0))))
            : (hours.restrictions ?? []).flatMap(one => {
                const [from, until] = [dayOf(one.startDay), dayOf(one.endDay)]
                return spanOf(from, one.startHour * 60 + one.startMin, lengthOf(one, (weekdays.indexOf(until) - weekdays.indexOf(from) + 7) % 7))
              })
      return {
        name: rotation.name ?? `Rotation ${place + 1}`,
        rotation: { type: rotation.type, every: rotation.length, start: wallTime(rotation.startDate, timeZone) },
        participants,
        ...(restrictions.length > 0 ? { restrictions: joined(restrictions) } : {}),
        ...(rotation.endDate ? { ends: rotation.endDate } : {}),
      }
    })
    const isAmong = (rotation: { id?: string | null | undefined; name?: string | null | undefined } | undefined, { overridden }: Override) =>
      overridden?.some(one => (one.id != null ? one.id === rotation?.id : one.name === rotation?.name)) ?? false
    const isOfSome = (one: Override) => (one.overridden?.length ?? 0) > 0 && !schedule.rotations.every(rotation => isAmong(rotation, one))
    const namesIn = (one: Override) => schedule.rotations.filter(rotation => isAmong(rotation, one)).map(rotation => rotation.name ?? 'a rotation')
    const own = overrides.filter(one => one._parent?.name === schedule.name || one._parent?.id === schedule.id || schedules.length === 1)
    return {
      ...{ name, team: teamOf(schedule.ownerTeam), timeZone, merge: 'all', layers },
      overrides: own
        .filter(one => !isOfSome(one))
        .map(one => ({ kind: 'replace', participants: [emailOf(one.user ?? {})], start: one.startDate ?? '', end: one.endDate ?? '' })),
      // Somebody instead of some rotations, while the others go on: the same layers for that time, with theirs in those.
      temporaries: own.filter(isOfSome).map(one => ({
        name: `Override of ${namesIn(one).join(', ')}`,
        ...{ start: one.startDate ?? '', end: one.endDate ?? '', merge: 'all' },
        layers: layers.map((layer, place) => (isAmong(schedule.rotations[place], one) ? { ...layer, participants: [emailOf(one.user ?? {})] } : layer)),
      })),
    }
  })

  const policies = escalations.map((escalation): PolicyEntry => {
    const what = `escalation ${escalation.name ?? ''}`
    const rules = (escalation.rules ?? []).map(rule => ({ ...rule, at: delayOf(rule) })).toSorted((a, b) => a.at - b.at)
    const times = [...new Set(rules.map(rule => rule.at))]
    const levels = times.map(
      (at, place): LevelEntry => ({
        // Delays count from the alert: a rule that reaches nobody takes its time all the same.
        whenEmpty: 'wait',
        waitMinutes: Math.min(1_440, (times[place + 1] ?? at + (escalation.repeat?.waitInterval || 10)) - at),
        targets: rules
          .filter(rule => rule.at === at)
          .flatMap(rule => {
            if (rule.condition === 'if-not-closed')
              notes.push(
                `${what}: a rule keeps paging after acknowledgement until the alert is closed. In Tocsin an acknowledged page stops escalating. Set \`progressMinutes\` of the team to page again when there is no activity.`,
              )
            return targetsOf(rule, what)
          }),
      }),
    )
    // A rule that waits before the first page is a level that only waits.
    const [first = 0] = times
    const all = first > 0 ? [{ targets: [], waitMinutes: first }, ...levels] : levels
    if (escalation.repeat?.closeAlertAfterAll) notes.push(`${what}: closes the alert after all repetitions. In Tocsin the page stays in the list as exhausted.`)
    return {
      team: teamOf(escalation.ownerTeam),
      name: escalation.name ?? 'Escalation',
      levels: all.length > 0 ? all : [{ targets: [{ everyone: true }], waitMinutes: 5 }],
      repeats: Math.min(9, escalation.repeat?.count ?? 0),
    }
  })

  function targetsOf({ notifyType, recipient }: { notifyType: string; recipient: z.output<typeof Participant> }, what: string): TargetEntry[] {
    if (recipient.type === 'user') return [{ person: emailOf(recipient) }]
    if (recipient.type === 'team') {
      const name = recipient.name ?? teams.find(team => team.id === recipient.id)?.name
      if (notifyType === 'admins' || notifyType === 'random')
        notes.push(`${what}: pages ${notifyType === 'admins' ? 'the admins' : 'a random member'} of ${name ?? 'a team'}. In Tocsin the whole team is paged.`)
      return name == null ? [] : [{ team: name }]
    }
    const schedule = scheduleNamed(recipient)
    if (schedule === undefined) {
      notes.push(`${what}: ${recipient.type} ${recipient.name ?? recipient.id ?? ''} was not exported. The target is left out.`)
      return []
    }
    if (notifyType === 'next') return [{ schedule, position: 1 }]
    if (notifyType === 'previous') {
      notes.push(`${what}: pages the previous person on call. In Tocsin the next person on call is paged instead.`)
      return [{ schedule, position: 1 }]
    }
    return [{ schedule }]
  }

  const roleOf = (role: z.output<typeof Item>['role']) => (typeof role === 'string' ? role : (role?.name ?? '')).toLowerCase()
  const entered = teamEntries(
    [...entries.map(one => one.team ?? strayTeam), ...policies.map(one => one.team)],
    teams.map(team => team.name ?? ''),
    name => (teams.find(team => team.name === name)?.members ?? []).map(member => emailOf(member.user)),
  )
  return {
    organization: {
      people: users.map(user => ({
        email: emailOf(user),
        name: user.fullName ?? '',
        role: /admin|owner/.test(roleOf(user.role)) ? 'administrator' : /stakeholder|observer/.test(roleOf(user.role)) ? 'observer' : 'responder',
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

/** Minutes from the beginning of hours to their end, `days` days later. */
function lengthOf({ startHour, startMin, endHour, endMin }: z.output<typeof Hours>, days: number): number {
  const minutes = days * 1_440 + (endHour * 60 + endMin) - (startHour * 60 + startMin)
  return minutes > 0 ? minutes : minutes + (days === 0 ? 1_440 : 7 * 1_440)
}
