import type { OrganizationFile, PlanLine } from '@tocsin/api'

type Item = Readonly<Record<string, unknown>>

/** The same text for the same content, whatever the order of keys; what is undefined is not there. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`)
    .join(',')}}`
}

const maxShown = 60
const short = (value: unknown) => {
  const text = canonical(value)
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

/** The key by which two items are the same one. */
export const scheduleKey = ({ team, name }: { team?: string | undefined; name: string }) => `${team ?? ''} / ${name}`

/** What of the overrides or temporary schedules in a file is still to come and not there yet. */
export function missing<Kind extends { readonly end: string }>(there: readonly Kind[], wanted: readonly Kind[], now: string): Kind[] {
  // One that has begun counts from when it was entered: it is the same when it says the same about the same end. What it does not say is the default.
  const keyOf = (one: Kind) => canonical({ position: 0, merge: 'top', ...one, start: undefined })
  const known = new Set(there.map(keyOf))
  return wanted.filter(one => one.end > now && !known.has(keyOf(one)))
}

function compare(kind: PlanLine['kind'], name: string, before: Item | undefined, wanted: Item): PlanLine {
  if (before === undefined) return { action: 'add', kind, name, changes: [] }
  const changes = Object.keys(wanted)
    .filter(key => wanted[key] !== undefined && canonical(before[key]) !== canonical(wanted[key]))
    .map(key => `${key}: ${before[key] === undefined ? 'nothing' : short(before[key])} → ${short(wanted[key])}`)
  return { action: changes.length > 0 ? 'change' : 'keep', kind, name, changes }
}

/** What a file would change. What it does not name stays. */
export function planOf(current: OrganizationFile, wanted: OrganizationFile, now: string): PlanLine[] {
  const lines = <Kind extends object>(kind: PlanLine['kind'], there: readonly Kind[], given: readonly Kind[], keyOf: (item: Kind) => string): PlanLine[] => {
    const known = new Map(there.map(item => [keyOf(item), item]))
    return given.map(item => compare(kind, keyOf(item), known.get(keyOf(item)) as Item | undefined, item as Item))
  }
  const known = new Map(current.schedules.map(one => [scheduleKey(one), one]))
  const schedules = wanted.schedules.map(({ overrides, temporaries, absences, apprentices: _, ...item }) => {
    const before = known.get(scheduleKey(item))
    const line = compare('schedule', scheduleKey(item), before && { ...before, needsApprenticeship: before.needsApprenticeship ?? false }, item)
    const more = [
      ...missing(before?.overrides ?? [], overrides, now).map(one => `an override from ${one.start} to ${one.end}: ${one.kind} ${one.participants.join(', ')}`),
      ...missing(before?.temporaries ?? [], temporaries, now).map(one => `a temporary schedule from ${one.start} to ${one.end}: ${one.name}`),
      ...absences.flatMap(one => (one.end !== undefined && one.end > now ? [`time off of ${one.participant} until ${one.end}`] : [])),
    ]
    const changes = [...line.changes, ...more]
    return { ...line, changes, action: line.action === 'keep' && more.length > 0 ? ('change' as const) : line.action }
  })
  return [
    ...lines('person', current.people, wanted.people, person => person.email),
    ...lines('team', current.teams, wanted.teams.map(withSortedMembers), team => team.name),
    ...schedules,
    ...lines('policy', current.policies, wanted.policies, scheduleKey),
    ...lines('service', current.services, wanted.services, service => service.name),
  ]
}

/** The order of members means nothing. */
const withSortedMembers = (team: OrganizationFile['teams'][number]) => (team.members ? { ...team, members: [...new Set(team.members)].toSorted() } : team)
