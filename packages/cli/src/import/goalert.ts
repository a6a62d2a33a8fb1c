import { weekdays } from '@tocsin/oncall'
import { z } from 'zod'
import {
  clock,
  type Imported,
  joined,
  type Layer,
  type LevelEntry,
  type PolicyEntry,
  type Restriction,
  type RotationSlot,
  type ScheduleEntry,
  slotOf,
  strayTeam,
  type TargetEntry,
  uniqueNames,
  wallTime,
} from './parts.ts'

// The answers of GoAlert's GraphQL API (https://goalert.me/docs): users, rotations, schedules, escalationPolicies, services, each as a connection.
const nodes = <Kind extends z.ZodType>(Kind: Kind) => z.object({ nodes: z.array(Kind) }).nullish()
const Target = z.object({ id: z.string(), name: z.string().nullish(), type: z.string() })
const Rotation = z.object({
  id: z.string(),
  name: z.string(),
  type: z.enum(['hourly', 'daily', 'weekly', 'monthly']),
  start: z.string(),
  shiftLength: z.number().default(1),
  timeZone: z.string(),
  activeUserIndex: z.number().nullish(),
  users: z.array(z.object({ id: z.string() })).nullish(),
  userIDs: z.array(z.string()).nullish(),
})
const Rule = z.object({ start: z.string(), end: z.string(), weekdayFilter: z.array(z.boolean()) })
const Schedule = z.object({
  id: z.string(),
  name: z.string(),
  timeZone: z.string(),
  targets: z.array(z.object({ target: Target, rules: z.array(Rule) })).nullish(),
  temporarySchedules: z
    .array(z.object({ start: z.string(), end: z.string(), shifts: z.array(z.object({ userID: z.string(), start: z.string(), end: z.string() })) }))
    .nullish(),
  userOverrides: nodes(
    z.object({ start: z.string(), end: z.string(), addUser: z.object({ id: z.string() }).nullish(), removeUser: z.object({ id: z.string() }).nullish() }),
  ),
})
const Policy = z.object({
  id: z.string(),
  name: z.string(),
  repeat: z.number().default(0),
  steps: z.array(z.object({ delayMinutes: z.number(), targets: z.array(Target) })),
})
const Data = z.object({
  users: nodes(z.object({ id: z.string(), name: z.string(), email: z.string(), role: z.string().nullish() })),
  rotations: nodes(Rotation),
  schedules: nodes(Schedule),
  escalationPolicies: nodes(Policy),
  services: nodes(
    z.object({
      id: z.string(),
      name: z.string(),
      description: z.string().nullish(),
      escalationPolicyID: z.string().nullish(),
      escalationPolicy: z.object({ id: z.string() }).nullish(),
    }),
  ),
})
export const GoalertExport = z.union([z.object({ data: Data }).transform(({ data }) => data), Data])

/** Everybody whom an assignment of a schedule names is on call at once: a layer for each, merged as \`all\`. @param at when the export was made */
export function importGoalert(parts: readonly z.output<typeof GoalertExport>[], at: string): Imported {
  const notes: string[] = []
  const users = new Map(parts.flatMap(part => part.users?.nodes ?? []).map(user => [user.id, user]))
  const rotations = new Map(parts.flatMap(part => part.rotations?.nodes ?? []).map(rotation => [rotation.id, rotation]))
  const schedules = parts.flatMap(part => part.schedules?.nodes ?? [])
  const policies = parts.flatMap(part => part.escalationPolicies?.nodes ?? [])
  const services = parts.flatMap(part => part.services?.nodes ?? [])
  const emailOf = (id: string, what: string): string[] => {
    const user = users.get(id)
    if (user?.email) return [user.email.toLowerCase()]
    notes.push(`${what}: the user ${user?.name ?? id} ${user ? 'has no email address' : 'was not exported'}. Their shifts, if any, stay empty.`)
    return []
  }
  const unique = uniqueNames()
  const names = new Map(schedules.map(one => [one.id, unique(one.name)]))

  const layerOf = (rotation: z.output<typeof Rotation>): Layer => {
    const ids = rotation.userIDs ?? rotation.users?.map(user => user.id) ?? []
    const start = wallTime(rotation.start, rotation.timeZone)
    const found = ids.map(id => slotOf(emailOf(id, `rotation ${rotation.name}`)))
    return {
      name: rotation.name,
      rotation: { type: rotation.type, every: rotation.shiftLength, start },
      participants: rotated(found, rotation, at),
      timeZone: rotation.timeZone,
    }
  }

  const entries = schedules.map((schedule): ScheduleEntry => {
    const name = names.get(schedule.id) ?? ''
    const layers = (schedule.targets ?? []).flatMap(({ target, rules }): Layer[] => {
      const restrictions = joined(rules.flatMap(hoursOf))
      if (rules.length === 0) return []
      const hours = restrictions.some(one => one.days === undefined && one.until === '24:00' && one.from === '00:00') ? {} : { restrictions }
      if (target.type === 'user')
        return emailOf(target.id, `schedule ${name}`).map(participant => ({
          name: target.name ?? participant,
          rotation: { type: 'weekly', every: 1, start: '2020-01-06T00:00' },
          participants: [participant],
          ...hours,
        }))
      const rotation = rotations.get(target.id)
      if (!rotation) {
        notes.push(`schedule ${name}: the rotation ${target.name ?? target.id} was not exported. It is left out.`)
        return []
      }
      return [{ ...layerOf(rotation), ...hours }]
    })
    return {
      ...{ name, team: strayTeam, timeZone: schedule.timeZone, merge: 'all', layers },
      overrides: (schedule.userOverrides?.nodes ?? []).flatMap(({ start, end, addUser, removeUser }) => {
        const what = `an override of ${name}`
        if (addUser && removeUser)
          notes.push(
            `${what}: replaces one person while they are on call. It is imported as two overrides, one that adds and one that removes, with the same result.`,
          )
        return [
          ...(removeUser ? [{ kind: 'remove' as const, participants: emailOf(removeUser.id, what), start, end }] : []),
          ...(addUser ? [{ kind: 'add' as const, participants: emailOf(addUser.id, what), start, end }] : []),
        ]
      }),
      temporaries: (schedule.temporarySchedules ?? []).map((temporary, place) => ({
        name: `Temporary ${place + 1}`,
        start: temporary.start,
        end: temporary.end,
        merge: 'all' as const,
        layers: temporary.shifts.map(
          (shift, n): Layer => ({
            name: `Shift ${n + 1}`,
            rotation: { type: 'monthly', every: 12, start: wallTime(shift.start, schedule.timeZone) },
            participants: emailOf(shift.userID, `a temporary schedule of ${name}`),
            starts: shift.start,
            ends: shift.end,
          }),
        ),
      })),
    }
  })

  // A rotation that a policy pages by itself becomes a schedule of its own.
  const alone = new Map<string, string>()
  const policyEntries = policies.map(
    (policy): PolicyEntry => ({
      team: strayTeam,
      name: policy.name,
      levels: policy.steps.map(
        (step): LevelEntry => ({
          waitMinutes: step.delayMinutes,
          whenEmpty: 'wait',
          targets: step.targets.flatMap((target): TargetEntry[] => {
            const what = `escalation policy ${policy.name}`
            if (target.type === 'user') return emailOf(target.id, what).map(person => ({ person }))
            if (target.type === 'schedule') return [names.get(target.id) ?? []].flat().map(schedule => ({ schedule }))
            if (target.type === 'rotation' && rotations.has(target.id)) {
              const known = alone.get(target.id) ?? unique(rotations.get(target.id)?.name ?? 'Rotation')
              alone.set(target.id, known)
              return [{ schedule: known }]
            }
            notes.push(
              `${what}: pages ${target.type} ${target.name ?? target.id}. Its address is a secret that is not exported. Add it as a team channel, then add the channel to the policy.`,
            )
            return []
          }),
        }),
      ),
      repeats: Math.min(9, policy.repeat),
    }),
  )
  const own = [...alone].flatMap(([id, name]): ScheduleEntry[] => {
    const rotation = rotations.get(id)
    return rotation ? [{ name, team: strayTeam, timeZone: rotation.timeZone, merge: 'top', layers: [layerOf(rotation)] }] : []
  })
  notes.push(`GoAlert has no teams. Everything goes to the team ${strayTeam}. Rename or split it in the files.`)
  if (services.length > 0)
    notes.push(
      `In Tocsin a service has two sides: a team that its alerts page and that leads incidents (\`securityTeam\`), and one that owns it. Both are ${strayTeam}.`,
    )
  const policyOf = (service: (typeof services)[number]) => policies.find(one => one.id === (service.escalationPolicyID ?? service.escalationPolicy?.id))?.name
  return {
    organization: {
      people: [...users.values()]
        .filter(user => user.email)
        .map(user => ({ email: user.email, name: user.name, role: user.role === 'admin' ? 'administrator' : 'responder' })),
      teams: [
        {
          name: strayTeam,
          kind: 'engineering',
          members: [...users.values()].flatMap(user => user.email || []),
          ...(policyEntries[0] ? { policy: policyEntries[0].name } : {}),
          ...(services.length > 0
            ? { routing: services.flatMap(service => [policyOf(service) ?? []].flat().map(policy => ({ services: [service.name], policy }))) }
            : {}),
        },
      ],
      schedules: [...entries, ...own],
      policies: policyEntries,
      services: services.map(service => ({
        name: service.name,
        description: service.description ?? '',
        securityTeam: strayTeam,
        engineeringTeam: strayTeam,
      })),
    },
    notes,
  }
}

/** GoAlert exports who is on call at the moment of the export: the list is rotated to give the same result here. */
function rotated(slots: readonly RotationSlot[], rotation: z.output<typeof Rotation>, at: string): RotationSlot[] {
  if (rotation.activeUserIndex == null || rotation.activeUserIndex < 0 || slots.length === 0) return [...slots]
  const elapsed = Date.parse(`${wallTime(at, rotation.timeZone)}Z`) - Date.parse(`${wallTime(rotation.start, rotation.timeZone)}Z`)
  const months = () => {
    const [from, to] = [new Date(rotation.start), new Date(at)]
    return (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
  }
  const handed =
    rotation.type === 'monthly'
      ? Math.floor(months() / rotation.shiftLength)
      : Math.floor(elapsed / ({ hourly: 3_600_000, daily: 86_400_000, weekly: 604_800_000 }[rotation.type] * rotation.shiftLength))
  const shift = (((rotation.activeUserIndex - handed) % slots.length) + slots.length) % slots.length
  return [...slots.slice(shift), ...slots.slice(0, shift)]
}

/** A rule of an assignment: hours on the days of its filter, Sunday first; the same beginning and end is a whole day. */
function hoursOf({ start, end, weekdayFilter }: z.output<typeof Rule>): Restriction[] {
  const minutes = (text: string) => {
    const [hours = 0, mins = 0] = text.split(':').map(Number)
    return hours * 60 + mins
  }
  const days = weekdays.filter((_, i) => weekdayFilter[(i + 1) % 7])
  if (days.length === 0) return []
  const [from, until] = [minutes(start), minutes(end)]
  const whole = from === until
  return [
    {
      ...(days.length < 7 ? { days: [...days] } : {}),
      from: clock(from),
      until: whole ? (from === 0 ? '24:00' : clock(from)) : clock(until === 0 ? 1_440 : until),
    },
  ]
}
