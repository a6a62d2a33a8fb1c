import type { OrganizationFile, PlanLine } from '@tocsin/api'

type Item = Readonly<Record<string, unknown>>

/** What a file may say, or leave out, with the same meaning. */
const isDefault = (key: string, value: unknown) =>
  value === undefined ||
  (key === 'position' && value === 0) ||
  (['hours', 'services', 'severities'].includes(key) && Array.isArray(value) && value.length === 0)

/** The same text for the same content, whatever the order of keys; what is undefined, or the default, is not there. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([key, one]) => !isDefault(key, one))
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

type Layers = OrganizationFile['schedules'][number]['layers']
const namesIn = (layers: Layers) => layers.flatMap(layer => layer.participants.flat())

/** The people whom a file names, wherever it does. */
export function namedPeople({ people, teams, schedules, policies }: OrganizationFile): Set<string> {
  const targets = [...teams.flatMap(team => team.fallback ?? []), ...policies.flatMap(policy => policy.levels.flatMap(level => level.targets))]
  return new Set([
    ...people.map(person => person.email),
    ...teams.flatMap(team => team.members ?? []),
    ...targets.flatMap(target => ('person' in target ? [target.person] : [])),
    ...schedules.flatMap(({ layers, overrides, temporaries, absences }) => [
      ...namesIn(layers),
      ...overrides.flatMap(one => one.participants),
      ...temporaries.flatMap(one => namesIn(one.layers)),
      ...absences.map(one => one.participant),
    ]),
  ])
}

/** What of the overrides or temporary schedules in a file is still to come and not there yet. */
export function missing<Kind extends { readonly end: string; readonly participants?: readonly string[]; readonly layers?: Layers }>(
  there: readonly Kind[],
  wanted: readonly Kind[],
  now: string,
  left: ReadonlySet<string>,
): Kind[] {
  // One that has begun counts from when it was entered: it is the same when it says the same about the same end. What it does not say is the default.
  const keyOf = (one: Kind) => canonical({ position: 0, merge: 'top', ...one, start: undefined })
  const known = new Set(there.map(keyOf))
  // Nothing new begins for somebody who has left.
  const isForLeft = ({ participants = [], layers = [] }: Kind) => [...participants, ...namesIn(layers)].some(name => left.has(name))
  return wanted.filter(one => one.end > now && !known.has(keyOf(one)) && !isForLeft(one))
}

function compare(kind: PlanLine['kind'], name: string, before: Item | undefined, wanted: Item): PlanLine {
  if (before === undefined) return { action: 'add', kind, name, changes: [] }
  const changes = Object.keys(wanted)
    .filter(key => wanted[key] !== undefined && canonical(before[key]) !== canonical(wanted[key]))
    .map(key => `${key}: ${before[key] === undefined ? 'nothing' : short(before[key])} → ${short(wanted[key])}`)
  return { action: changes.length > 0 ? 'change' : 'keep', kind, name, changes }
}

/**
 * What a file would change. What it does not name stays.
 * @param left the people named in it who are deactivated: they stay so, and where they are
 */
export function planOf(current: OrganizationFile, wanted: OrganizationFile, now: string, left: ReadonlySet<string>): PlanLine[] {
  const lines = <Kind extends object>(kind: PlanLine['kind'], there: readonly Kind[], given: readonly Kind[], keyOf: (item: Kind) => string): PlanLine[] => {
    const known = new Map(there.map(item => [keyOf(item), item]))
    return given.map(item => compare(kind, keyOf(item), known.get(keyOf(item)) as Item | undefined, item as Item))
  }
  const known = new Map(current.schedules.map(one => [scheduleKey(one), one]))
  const schedules = wanted.schedules.map(({ overrides, temporaries, absences, apprentices: _, ...item }) => {
    const before = known.get(scheduleKey(item))
    const line = compare('schedule', scheduleKey(item), before && { ...before, needsApprenticeship: before.needsApprenticeship ?? false }, item)
    const more = [
      ...missing(before?.overrides ?? [], overrides, now, left).map(
        one => `an override from ${one.start} to ${one.end}: ${one.kind} ${one.participants.join(', ')}`,
      ),
      ...missing(before?.temporaries ?? [], temporaries, now, left).map(one => `a temporary schedule from ${one.start} to ${one.end}: ${one.name}`),
      ...absences.flatMap(one =>
        one.end !== undefined && one.end > now && !left.has(one.participant) ? [`time off of ${one.participant} until ${one.end}`] : [],
      ),
    ]
    const changes = [...line.changes, ...more]
    return { ...line, changes, action: line.action === 'keep' && more.length > 0 ? ('change' as const) : line.action }
  })
  return [
    ...[...left].toSorted().map(name => ({ action: 'keep' as const, kind: 'person' as const, name, changes: [], warning: `${name} is deactivated` })),
    ...lines(
      'person',
      current.people,
      wanted.people.filter(person => !left.has(person.email)),
      person => person.email,
    ),
    ...lines(
      'team',
      current.teams.map(team => ({ holidays: [], ...team })),
      wanted.teams.map(team => withSortedMembers(team, left)),
      team => team.name,
    ),
    ...schedules,
    ...lines('policy', current.policies, wanted.policies, scheduleKey),
    ...lines('service', current.services, wanted.services, service => service.name),
  ]
}

/** The order of members means nothing; who has left is no member. */
const withSortedMembers = (team: OrganizationFile['teams'][number], left: ReadonlySet<string>) =>
  team.members ? { ...team, members: [...new Set(team.members)].filter(email => !left.has(email)).toSorted() } : team
