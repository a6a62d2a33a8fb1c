import { activeHours, clip, joined, type Restriction, type Span } from './hours.ts'
import { type Schedule, type Shift, shifts } from './schedule.ts'
import { night } from './vocabulary.ts'

/** A coverage requirement of a team: one tier that somebody must hold. */
export interface CoverageRequirement {
  /** `primary`, `secondary`, `tertiary`. */
  readonly name: string
  /** The schedule that holds it, by name. */
  readonly schedule: string
  /** The position in its rotation: 0 (the default) is on call, 1 the next in the rotation, the backup. */
  readonly position?: number | undefined
  /** When it is required; always where undefined. */
  readonly hours?: readonly Restriction[] | undefined
}

export interface Team {
  readonly name: string
  /** The time zone of its hours. */
  readonly timeZone: string
  readonly tiers: readonly CoverageRequirement[]
  /** Nobody should hold one tier longer without a break, in days. */
  readonly longestDays?: number | undefined
  /** Nobody should hold more nights in a row. */
  readonly longestNights?: number | undefined
}

/** A coverage problem that a lead should fix before it happens. Instants in ISO 8601 UTC. */
export type Concern =
  /** Nobody holds a required tier. */
  | { readonly kind: 'gap'; readonly team: string; readonly tier: string; readonly start: string; readonly end: string }
  /** One person holds two tiers: whoever does not answer as primary will not answer as backup. */
  | {
      readonly kind: 'double'
      readonly team: string
      readonly participant: string
      readonly tiers: readonly string[]
      readonly start: string
      readonly end: string
    }
  /** One person holds a tier for longer than the team allows. */
  | {
      readonly kind: 'stretch'
      readonly team: string
      readonly participant: string
      readonly tier: string
      readonly start: string
      readonly end: string
      readonly days: number
    }
  /** One person holds a tier for more nights in a row than the team allows. */
  | {
      readonly kind: 'nights'
      readonly team: string
      readonly participant: string
      readonly tier: string
      readonly start: string
      readonly end: string
      readonly nights: number
    }
  /** Somebody who holds a tier cannot be paged: no contact method of theirs is verified. */
  | { readonly kind: 'unreachable'; readonly team: string; readonly participant: string; readonly tier: string; readonly start: string; readonly end: string }

const dayMs = 86_400_000
const iso = (ms: number) => new Date(ms).toISOString()
const spanOf = ({ start, end }: Shift): Span => ({ start: Date.parse(start), end: Date.parse(end) })

/**
 * What is wrong with a team's coverage in [from, until): gaps, one person in two tiers at once, stretches that are too long, people who cannot
 * be paged. In order of time.
 * @param unreachable participants without a way to page them
 * @throws RangeError for a requirement whose schedule is not among those given
 */
export function coverage(team: Team, schedules: readonly Schedule[], from: string, until: string, unreachable: ReadonlySet<string> = new Set()): Concern[] {
  const held = team.tiers.map(requirement => {
    const schedule = schedules.find(({ name }) => name === requirement.schedule)
    if (schedule === undefined) throw new RangeError(`there is no schedule ${requirement.schedule}`)
    return { requirement, shifts: shifts(schedule, from, until, requirement.position) }
  })
  const within = { start: Date.parse(from), end: Date.parse(until) }
  const found = [
    ...held.flatMap(({ requirement, shifts: own }) => [
      ...gaps(team, requirement, own, within),
      ...stretches(team, requirement, own),
      ...nights(team, requirement, own, within),
      ...unreachables(team, requirement, own, unreachable),
    ]),
    ...held.flatMap((one, i) => held.slice(i + 1).flatMap(other => doubles(team, one, other))),
  ]
  return found.toSorted((a, b) => (a.start === b.start ? a.kind.localeCompare(b.kind) : a.start < b.start ? -1 : 1))
}

function gaps(team: Team, { name: tier, hours }: CoverageRequirement, own: readonly Shift[], within: Span): Concern[] {
  const empty = own.filter(({ participants }) => participants.length === 0).map(spanOf)
  const requirement = hours === undefined || hours.length === 0 ? [within] : activeHours(hours, team.timeZone, within)
  return joined(requirement.flatMap(span => clip(empty, span))).map(({ start, end }) => ({
    kind: 'gap',
    team: team.name,
    tier,
    start: iso(start),
    end: iso(end),
  }))
}

function stretches(team: Team, { name: tier }: CoverageRequirement, own: readonly Shift[]): Concern[] {
  const { longestDays } = team
  if (longestDays === undefined) return []
  return heldBy(own).flatMap(([participant, spans]) =>
    spans
      .filter(({ start, end }) => end - start > longestDays * dayMs)
      .map(
        ({ start, end }): Concern => ({
          kind: 'stretch',
          ...{ team: team.name, participant, tier, start: iso(start), end: iso(end), days: Math.round(((end - start) / dayMs) * 10) / 10 },
        }),
      ),
  )
}

/** A night counts for whoever holds the tier in any of its hours. */
function nights(team: Team, { name: tier }: CoverageRequirement, own: readonly Shift[], within: Span): Concern[] {
  const { longestNights } = team
  if (longestNights === undefined) return []
  const all = activeHours([night], team.timeZone, within)
  return heldBy(own).flatMap(([participant, spans]) => {
    const found: Concern[] = []
    let run: Span[] = []
    const close = () => {
      const [first, last] = [run[0], run.at(-1)]
      if (first !== undefined && last !== undefined && run.length > longestNights)
        found.push({ kind: 'nights', ...{ team: team.name, participant, tier, start: iso(first.start), end: iso(last.end), nights: run.length } })
      run = []
    }
    for (const one of all) {
      const own = clip(spans, one)
      if (own.length === 0) close()
      else run.push({ start: own[0]?.start ?? one.start, end: own.at(-1)?.end ?? one.end })
    }
    close()
    return found
  })
}

function unreachables(team: Team, { name: tier }: CoverageRequirement, own: readonly Shift[], unreachable: ReadonlySet<string>): Concern[] {
  return heldBy(own)
    .filter(([participant]) => unreachable.has(participant))
    .flatMap(([participant, spans]) =>
      spans.map(({ start, end }): Concern => ({ kind: 'unreachable', team: team.name, participant, tier, start: iso(start), end: iso(end) })),
    )
}

/** Each person with the spans that they hold, joined where they touch. */
function heldBy(own: readonly Shift[]): [participant: string, spans: Span[]][] {
  const people = new Set(own.flatMap(({ participants }) => participants))
  return [...people].map(one => [one, joined(own.filter(({ participants }) => participants.includes(one)).map(spanOf))])
}

interface TierShifts {
  readonly requirement: CoverageRequirement
  readonly shifts: readonly Shift[]
}

function doubles(team: Team, one: TierShifts, other: TierShifts): Concern[] {
  const people = new Set(one.shifts.flatMap(({ participants }) => participants))
  const spansOf = ({ shifts: own }: TierShifts, participant: string) => own.filter(({ participants }) => participants.includes(participant)).map(spanOf)
  return [...people].flatMap(participant =>
    joined(spansOf(one, participant).flatMap(span => clip(spansOf(other, participant), span))).map(
      ({ start, end }): Concern => ({
        kind: 'double',
        ...{ team: team.name, participant, tiers: [one.requirement.name, other.requirement.name], start: iso(start), end: iso(end) },
      }),
    ),
  )
}
