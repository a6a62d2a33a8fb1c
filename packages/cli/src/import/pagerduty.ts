import { weekdays } from '@tocsin/oncall'
import { z } from 'zod'
import {
  type Imported,
  joined,
  type Layer,
  type LevelEntry,
  type PolicyEntry,
  rotationOf,
  type ScheduleEntry,
  slotOf,
  spanOf,
  strayTeam,
  type TargetEntry,
  teamEntries,
  uniqueNames,
  wallTime,
} from './parts.ts'

// https://developer.pagerduty.com/api-reference/: lists of users, teams, schedules (with layers), overrides, escalation policies and services.
const Ref = z.object({ id: z.string(), summary: z.string().nullish(), type: z.string().nullish() })
const User = z.object({ id: z.string(), name: z.string(), email: z.string(), role: z.string().nullish(), teams: z.array(Ref).nullish() })
const Restriction = z.object({
  type: z.string(),
  start_time_of_day: z.string(),
  duration_seconds: z.number(),
  start_day_of_week: z.number().nullish(),
})
const ScheduleLayer = z.object({
  name: z.string().nullish(),
  start: z.string(),
  end: z.string().nullish(),
  rotation_virtual_start: z.string(),
  rotation_turn_length_seconds: z.number(),
  users: z.array(z.object({ user: Ref })),
  restrictions: z.array(Restriction).nullish(),
})
const Schedule = z.object({
  id: z.string(),
  name: z.string(),
  time_zone: z.string(),
  schedule_layers: z.array(ScheduleLayer).nullish(),
  teams: z.array(Ref).nullish(),
})
const Override = z.object({ start: z.string(), end: z.string(), user: Ref, schedule: Ref.nullish() })
const EscalationPolicy = z.object({
  id: z.string(),
  name: z.string(),
  num_loops: z.number().nullish(),
  escalation_rules: z.array(
    z.object({
      escalation_delay_in_minutes: z.number(),
      targets: z.array(Ref),
      escalation_rule_assignment_strategy: z.object({ type: z.string() }).nullish(),
    }),
  ),
  teams: z.array(Ref).nullish(),
})
type Rule = z.output<typeof EscalationPolicy>['escalation_rules'][number]
const Service = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullish(),
  escalation_policy: Ref.nullish(),
  teams: z.array(Ref).nullish(),
  acknowledgement_timeout: z.number().nullish(),
  incident_urgency_rule: z.object({ type: z.string(), urgency: z.string().nullish() }).nullish(),
})

/** One answer of the API, or several put together: each list under its own name. */
export const PagerDutyExport = z.object({
  users: z.array(User).default([]),
  teams: z.array(z.object({ id: z.string(), name: z.string() })).default([]),
  schedules: z.array(Schedule).default([]),
  schedule: Schedule.optional(),
  overrides: z.array(Override).default([]),
  escalation_policies: z.array(EscalationPolicy).default([]),
  services: z.array(Service).default([]),
})

/** The layers of PagerDuty: one wins over those that come after it in the answer, so that their order is reversed here. */
export function importPagerDuty(parts: readonly z.output<typeof PagerDutyExport>[]): Imported {
  const notes: string[] = []
  const everyone = parts.flatMap(part => part.users)
  const known = parts.flatMap(part => part.teams)
  const changes = parts.flatMap(part => part.overrides)
  const escalations = parts.flatMap(part => part.escalation_policies)
  const offered = parts.flatMap(part => part.services)
  const users = new Map(everyone.map(user => [user.id, user]))
  const schedules = [...new Map(parts.flatMap(part => [...part.schedules, ...(part.schedule ? [part.schedule] : [])]).map(one => [one.id, one])).values()]
  const teamOf = (teams: readonly z.output<typeof Ref>[] | null | undefined, what: string): string => {
    const [first, ...more] = teams ?? []
    if (more.length > 0) notes.push(`${what}: belongs to several teams. It is assigned to ${first?.summary ?? ''}, because Tocsin allows one team.`)
    return known.find(team => team.id === first?.id)?.name ?? first?.summary ?? strayTeam
  }
  const emailOf = (ref: z.output<typeof Ref>, what: string): string[] => {
    const user = users.get(ref.id)
    if (user) return [user.email]
    notes.push(`${what}: ${ref.summary ?? ref.id} is not among the exported users. Their shifts, if any, stay empty.`)
    return []
  }
  const unique = uniqueNames()
  const scheduleNames = new Map(schedules.map(one => [one.id, unique(one.name)]))

  const entries = schedules.map((schedule): ScheduleEntry => {
    const name = scheduleNames.get(schedule.id) ?? schedule.name
    const layers = (schedule.schedule_layers ?? []).toReversed().flatMap((layer, place): Layer[] => {
      const what = `schedule ${name}, layer ${layer.name ?? place + 1}`
      const rotation = rotationOf(layer.rotation_turn_length_seconds, wallTime(layer.rotation_virtual_start, schedule.time_zone))
      if (!rotation) {
        notes.push(`${what}: its shift length of ${layer.rotation_turn_length_seconds} seconds is not a whole number of hours. The layer is left out.`)
        return []
      }
      const restrictions = (layer.restrictions ?? []).flatMap(({ type, start_time_of_day, duration_seconds, start_day_of_week }) => {
        const [hours = 0, minutes = 0] = start_time_of_day.split(':').map(Number)
        const day = type === 'weekly_restriction' ? weekdays[((start_day_of_week ?? 1) - 1) % 7] : undefined
        return spanOf(day, hours * 60 + minutes, Math.round(duration_seconds / 60))
      })
      return [
        {
          name: layer.name ?? `Layer ${place + 1}`,
          rotation,
          participants: layer.users.map(({ user }) => slotOf(emailOf(user, what))),
          ...(restrictions.length > 0 ? { restrictions: joined(restrictions) } : {}),
          starts: layer.start,
          ...(layer.end ? { ends: layer.end } : {}),
        },
      ]
    })
    const overrides = changes.filter(one => one.schedule?.id === schedule.id || (one.schedule == null && schedules.length === 1))
    return {
      ...{ name, team: teamOf(schedule.teams, `schedule ${name}`), timeZone: schedule.time_zone, merge: 'top', layers },
      overrides: overrides.map(one => ({ kind: 'replace', participants: emailOf(one.user, `an override of ${name}`), start: one.start, end: one.end })),
    }
  })
  const strays = changes.filter(one => one.schedule == null && schedules.length !== 1)
  if (strays.length > 0) notes.push(`${strays.length} overrides do not name their schedule. Export them with the schedule's ID in \`schedule\`.`)

  const scheduled = ({ targets, escalation_rule_assignment_strategy: strategy }: Rule, what: string) => {
    if (strategy?.type === 'round_robin' && targets.length > 1)
      notes.push(`${what}: a rule assigns incidents to its targets by round robin. In Tocsin all targets are paged. Use a schedule to rotate by time.`)
    return targets
  }

  const policies = escalations.map((policy): PolicyEntry => {
    const what = `escalation policy ${policy.name}`
    const levels = policy.escalation_rules.map(
      (rule): LevelEntry => ({
        waitMinutes: rule.escalation_delay_in_minutes,
        // A rule whose schedules have nobody on call is skipped at once there.
        whenEmpty: 'skip',
        targets: scheduled(rule, what).flatMap((target): TargetEntry[] => {
          if (target.type?.startsWith('schedule')) {
            const schedule = scheduleNames.get(target.id)
            if (schedule !== undefined) return [{ schedule }]
            notes.push(`${what}: the schedule ${target.summary ?? target.id} was not exported. The target is left out.`)
            return []
          }
          return emailOf(target, what).map(person => ({ person }))
        }),
      }),
    )
    return { team: teamOf(policy.teams, what), name: policy.name, levels, repeats: Math.min(9, policy.num_loops ?? 0) }
  })

  const teams = teamEntries(
    [...entries.map(one => one.team ?? strayTeam), ...policies.map(one => one.team)],
    known.map(team => team.name),
    name => everyone.filter(user => user.teams?.some(team => known.find(one => one.id === team.id)?.name === name)).map(user => user.email),
  )
  const services = offered.map(service => {
    const policy = escalations.find(one => one.id === service.escalation_policy?.id)
    return { service, policy, team: teamOf(service.teams ?? policy?.teams, `service ${service.name}`) }
  })
  // Low-urgency incidents do not escalate there: only the first level of their policy is paged.
  const isLow = ({ service }: (typeof services)[number]) =>
    service.incident_urgency_rule?.type === 'constant' && service.incident_urgency_rule.urgency === 'low'
  const lowOf = (policy: z.output<typeof EscalationPolicy>) => `${policy.name} (low urgency)`
  const lowPolicies = policies.flatMap((entry, place): PolicyEntry[] => {
    const policy = escalations[place]
    const [first] = entry.levels
    if (policy === undefined || first === undefined || !services.some(one => isLow(one) && one.policy === policy)) return []
    return [{ ...entry, name: lowOf(policy), levels: [first], repeats: 0 }]
  })
  for (const { service } of services)
    if (service.incident_urgency_rule?.type === 'use_support_hours')
      notes.push(
        `service ${service.name}: its urgency depends on support hours. In Tocsin it follows from the severity (\`highFrom\` and \`routing\` of the team), and escalation levels can be limited to some hours (\`when\`).`,
      )
  const progressOf = (team: string) => {
    const minutes = services.flatMap(one =>
      one.team === team && one.service.acknowledgement_timeout ? [Math.round(one.service.acknowledgement_timeout / 60)] : [],
    )
    if (new Set(minutes).size > 1)
      notes.push(
        `team ${team}: its services have different acknowledgement timeouts (${minutes.join(', ')} minutes). In Tocsin a team has one. The shortest is used.`,
      )
    if (minutes.length > 0)
      notes.push(
        `team ${team}: PagerDuty pages again when the acknowledgement timeout ends. Tocsin does so only if there was no activity (\`progressMinutes\`).`,
      )
    return minutes.length > 0 ? { progressMinutes: Math.min(1_440, Math.max(5, Math.min(...minutes))) } : {}
  }
  if (services.length > 0)
    notes.push(
      'In Tocsin a service has two sides: a team that its alerts page and that leads incidents (`securityTeam`), and one that owns it. Both are the exported team. Where another team leads incidents, name it in services.yaml.',
    )
  const routed = (one: (typeof services)[number]) => {
    const { service, policy } = one
    if (policy === undefined) return []
    return isLow(one) ? [{ services: [service.name], policy: lowOf(policy), urgency: 'low' as const }] : [{ services: [service.name], policy: policy.name }]
  }
  return {
    organization: {
      people: everyone.map(({ email, name, role }) => ({
        email,
        name,
        role: role === 'admin' || role === 'owner' ? 'administrator' : role?.includes('observer') || role?.includes('read_only') ? 'observer' : 'responder',
      })),
      teams: teams.map(team => {
        const own = services.filter(one => one.team === team.name && one.policy)
        const [first] = policies.filter(one => one.team === team.name)
        return {
          ...team,
          ...(first ? { policy: first.name } : {}),
          ...progressOf(team.name),
          ...(own.length > 0 ? { routing: own.flatMap(routed) } : {}),
        }
      }),
      schedules: entries,
      policies: [...policies, ...lowPolicies],
      services: services.map(({ service, team }) => ({
        name: service.name,
        description: service.description ?? '',
        securityTeam: team,
        engineeringTeam: team,
      })),
    },
    notes,
  }
}
