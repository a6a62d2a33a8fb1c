import type { EventView } from './event.ts'
import type { Correlation, CountComparison, Rule } from './rule.ts'

/** Something that correlations count: an event that a rule matched, or what another correlation found. */
export interface Occurrence {
  /** Id of the rule or correlation. */
  readonly rule: string
  /** Event time in ms since 1970. */
  readonly at: number
  /** What identifies the event to whoever reads the correlation. */
  readonly ref: string
  readonly event: EventView
}

export interface CorrelationMatch {
  readonly correlation: Correlation
  readonly at: number
  /** Group-by fields and their values. */
  readonly group: Readonly<Record<string, string>>
  /** What the condition was held against: a count, a sum, an average, a percentile. */
  readonly value: number
  /** Its events, oldest first: the last hundred. */
  readonly refs: readonly string[]
  /** How many events it has in all. */
  readonly events: number
}

export interface CorrelatorLimits {
  /** Groups that one correlation keeps. */
  readonly groups: number
  /** Events that one group keeps. */
  readonly groupEvents: number
  /** Events that all groups together keep. */
  readonly events: number
}

export const defaultLimits: CorrelatorLimits = { groups: 100_000, groupEvents: 10_000, events: 1_000_000 }
const maxRefs = 100
const maxChain = 20

interface Entry {
  readonly at: number
  /** Index in `correlation.rules`. */
  readonly rule: number
  readonly ref: string
  /** The value that is counted or summed. */
  readonly value: string
}

/** State of a correlator as plain data, to be kept over a restart. */
export type CorrelatorState = readonly {
  readonly id: string
  readonly groups: readonly {
    readonly key: string
    readonly isMet: boolean
    readonly entries: readonly (readonly [at: number, rule: number, ref: string, value: string])[]
  }[]
}[]

/**
 * Finds correlations in event time (Sigma 2.1, correlation rules). A window reaches back from an event by the timespan; an event that
 * comes late is set in its place. A correlation is reported once when its condition comes to hold for a group, and again only after it
 * has ceased to. A condition of nothing but upper bounds on a count can only be judged when its window is over.
 */
export class Correlator {
  readonly #watchers = new Map<string, Watch[]>()
  readonly #watches: Watch[]
  readonly #limits: CorrelatorLimits
  #events = 0
  #evicted = 0

  constructor(correlations: readonly Correlation[], rules: readonly Rule[], limits: CorrelatorLimits = defaultLimits) {
    this.#limits = limits
    const ids = new Map(
      [...rules, ...correlations].flatMap(
        ({ id, name }) =>
          (name === undefined
            ? [[id, id]]
            : [
                [id, id],
                [name, id],
              ]) as [string, string][],
      ),
    )
    this.#watches = correlations.map(correlation => new Watch(correlation, ids))
    for (const watch of this.#watches)
      for (const id of watch.ruleIds) {
        const watchers = this.#watchers.get(id)
        if (watchers === undefined) this.#watchers.set(id, [watch])
        else watchers.push(watch)
      }
  }

  /** Whether some correlation refers to the rule. */
  watches(rule: string): boolean {
    return this.#watchers.has(rule)
  }

  /** Events kept now, and events evicted before their time because a limit was reached. */
  get counts(): { readonly kept: number; readonly evicted: number } {
    return { kept: this.#events, evicted: this.#evicted }
  }

  /** Takes one occurrence in. @returns what has come to hold, chains of correlations included */
  observe(occurrence: Occurrence, depth = 0): CorrelationMatch[] {
    if (depth > maxChain) return []
    const found: CorrelationMatch[] = []
    for (const watch of this.#watchers.get(occurrence.rule) ?? [])
      for (const match of watch.take(occurrence, this.#limits)) {
        found.push(
          match,
          ...this.observe({ rule: match.correlation.id, at: match.at, ref: match.refs.at(-1) ?? occurrence.ref, event: occurrence.event }, depth + 1),
        )
      }
    this.#account()
    return found
  }

  #account(): void {
    this.#events = 0
    for (const watch of this.#watches) {
      this.#events += watch.events
      this.#evicted += watch.takeEvicted()
    }
    while (this.#events > this.#limits.events) {
      const largest = this.#watches.reduce((most, watch) => (watch.events > most.events ? watch : most))
      this.#events -= largest.dropOldest()
      this.#evicted += largest.takeEvicted()
    }
  }

  save(): CorrelatorState {
    return this.#watches.map(watch => ({ id: watch.correlation.id, groups: watch.save() }))
  }

  /** Takes back what was saved, as far as the correlations still are. */
  restore(state: CorrelatorState): void {
    for (const { id, groups } of state) this.#watches.find(watch => watch.correlation.id === id)?.restore(groups)
    this.#account()
  }
}

interface Group {
  readonly key: string
  /** By time; those before `from` are out of the last window, kept for events that come late. */
  entries: Entry[]
  from: number
  isMet: boolean
  counts: Map<string, number>
  sum: number
}

/** One correlation and its groups. */
class Watch {
  readonly correlation: Correlation
  readonly ruleIds: readonly string[]
  readonly #names: readonly string[]
  readonly #groups = new Map<string, Group>()
  readonly #isUpperOnly: boolean
  events = 0
  #evicted = 0
  /** The newest event time. */
  #now = Number.NEGATIVE_INFINITY

  constructor(correlation: Correlation, ids: ReadonlyMap<string, string>) {
    this.correlation = correlation
    this.ruleIds = correlation.rules.map(rule => ids.get(rule) ?? rule)
    this.#names = correlation.rules
    this.#isUpperOnly =
      (correlation.type === 'event_count' || correlation.type === 'value_count') &&
      correlation.condition.every(({ comparison }) => comparison === 'lt' || comparison === 'lte')
  }

  takeEvicted(): number {
    const evicted = this.#evicted
    this.#evicted = 0
    return evicted
  }

  take(occurrence: Occurrence, limits: CorrelatorLimits): CorrelationMatch[] {
    const { correlation } = this
    const rule = this.ruleIds.indexOf(occurrence.rule)
    const values = this.#valuesOf(correlation.groupBy, rule, occurrence.event)
    // An event that lacks a field of the group belongs to none.
    if (values === undefined) return this.#closeOver(occurrence.at)
    const counted = this.#valuesOf(correlation.valueFields, rule, occurrence.event)
    if (counted === undefined) return this.#closeOver(occurrence.at)
    const entry: Entry = { at: occurrence.at, rule, ref: occurrence.ref, value: counted.length === 1 ? (counted[0] ?? '') : JSON.stringify(counted) }
    const closed = this.#closeOver(occurrence.at)
    const group = this.#group(JSON.stringify(values), limits)
    const matches = this.#add(group, entry, limits)
    return [...closed, ...matches]
  }

  #valuesOf(fields: readonly string[], rule: number, event: EventView): string[] | undefined {
    const found: string[] = []
    for (const field of fields) {
      const { aliases } = this.correlation
      const alias = Object.hasOwn(aliases, field) ? aliases[field] : undefined
      const name = this.#names[rule] ?? ''
      const actual = alias !== undefined && Object.hasOwn(alias, name) ? (alias[name] ?? field) : field
      const [text] = event.field(actual).texts
      if (text === undefined) return undefined
      found.push(text)
    }
    return found
  }

  #group(key: string, limits: CorrelatorLimits): Group {
    const known = this.#groups.get(key)
    if (known !== undefined) {
      // The map keeps the order of use: the first is the one longest without an event.
      this.#groups.delete(key)
      this.#groups.set(key, known)
      return known
    }
    if (this.#groups.size >= limits.groups) this.dropOldest()
    const group: Group = { key, entries: [], from: 0, isMet: false, counts: new Map(), sum: 0 }
    this.#groups.set(key, group)
    return group
  }

  /** Forgets the group longest without an event. @returns how many events went with it */
  dropOldest(): number {
    const [oldest] = this.#groups.values()
    if (oldest === undefined) return 0
    this.#groups.delete(oldest.key)
    this.events -= oldest.entries.length
    this.#evicted += oldest.entries.filter(({ at }) => at >= this.#now - this.correlation.timespanMs).length
    return oldest.entries.length
  }

  #add(group: Group, entry: Entry, limits: CorrelatorLimits): CorrelationMatch[] {
    const { timespanMs } = this.correlation
    const last = group.entries.at(-1)
    this.events++
    if (last !== undefined && entry.at < last.at) return this.#addLate(group, entry)
    this.#shrink(group, entry.at - timespanMs)
    // A window that ran empty has ceased to hold, though no event told.
    if (group.from === group.entries.length) group.isMet = false
    group.entries.push(entry)
    this.#count(group, entry, 1)
    if (group.entries.length - group.from > limits.groupEvents) {
      this.#leave(group)
      this.#evicted++
    }
    // One more timespan is kept for events that come late.
    const stale = group.entries.findIndex(({ at }) => at >= entry.at - 2 * timespanMs)
    if (stale > 256 || (stale > 0 && stale === group.from)) this.#forget(group, Math.min(stale, group.from))
    if (this.#isUpperOnly) return []
    return this.#judge(group, group.entries.slice(group.from), this.#valueOf(group, entry), entry.at)
  }

  #shrink(group: Group, since: number): void {
    for (let first = group.entries[group.from]; first !== undefined && first.at < since; first = group.entries[group.from]) this.#leave(group)
  }

  /** The oldest event of the window leaves it. */
  #leave(group: Group): void {
    const first = group.entries[group.from]
    if (first === undefined) return
    this.#count(group, first, -1)
    group.from++
  }

  #forget(group: Group, count: number): void {
    group.entries.splice(0, count)
    group.from -= count
    this.events -= count
  }

  #count(group: Group, entry: Entry, by: 1 | -1): void {
    const key = this.#countedOf(entry)
    const count = (group.counts.get(key) ?? 0) + by
    if (count === 0) group.counts.delete(key)
    else group.counts.set(key, count)
    const number = Number(entry.value)
    if (this.correlation.valueFields.length > 0 && Number.isFinite(number)) group.sum += by * number
  }

  #countedOf(entry: Entry): string {
    return this.correlation.type.startsWith('value') ? entry.value : String(entry.rule)
  }

  /** An event from before the newest: every window that it falls into is judged. */
  #addLate(group: Group, entry: Entry): CorrelationMatch[] {
    const { timespanMs } = this.correlation
    const place = group.entries.findIndex(({ at }) => at > entry.at)
    group.entries.splice(place, 0, entry)
    const newest = group.entries.at(-1)?.at ?? entry.at
    if (place < group.from) group.from++
    else if (entry.at < newest - timespanMs) group.from++
    else this.#count(group, entry, 1)
    if (this.#isUpperOnly || group.isMet) return []
    for (const { at } of group.entries.filter(other => other.at >= entry.at && other.at <= entry.at + timespanMs)) {
      const inside = group.entries.filter(other => other.at >= at - timespanMs && other.at <= at)
      const window: Group = { key: group.key, entries: inside, from: 0, isMet: false, counts: new Map(), sum: 0 }
      for (const other of inside) this.#count(window, other, 1)
      const [match] = this.#judge(window, inside, this.#valueOf(window, inside.at(-1) ?? entry), at)
      if (match === undefined) continue
      if (at === newest) group.isMet = true
      return [match]
    }
    return []
  }

  /** What the condition is held against. */
  #valueOf(group: Group, entry: Entry): number {
    const { type, percentile } = this.correlation
    const size = group.entries.length - group.from
    if (type === 'event_count') return size
    if (type === 'value_count' || type === 'temporal') return group.counts.size
    if (type === 'temporal_ordered') return this.#longestOrder(group)
    if (type === 'value_sum') return group.sum
    if (type === 'value_avg') return group.sum / size
    if (type === 'value_percentile' && percentile === undefined) return (100 * (group.counts.get(entry.value) ?? 0)) / size
    return percentileOf(group.counts, type === 'value_median' ? 50 : (percentile ?? 50))
  }

  /** How many of the rules, from the first on, have matched one after the other. */
  #longestOrder(group: Group): number {
    let reached = 0
    for (let i = group.from; i < group.entries.length && reached < this.ruleIds.length; i++) if (group.entries[i]?.rule === reached) reached++
    return reached
  }

  #judge(group: Group, inside: readonly Entry[], value: number, at: number): CorrelationMatch[] {
    const { correlation } = this
    const condition = correlation.condition.length > 0 ? correlation.condition : [{ comparison: 'gte' as const, value: this.ruleIds.length }]
    const isMet = condition.every(({ comparison, value: bound }) => holds(value, comparison, bound))
    const wasMet = group.isMet
    group.isMet = isMet
    return isMet && !wasMet ? [this.#match(group, inside, value, at)] : []
  }

  #match(group: Group, inside: readonly Entry[], value: number, at: number): CorrelationMatch {
    // The key was written here, from texts.
    const values = JSON.parse(group.key) as string[]
    return {
      correlation: this.correlation,
      at,
      group: Object.fromEntries(this.correlation.groupBy.map((field, i) => [field, values[i] ?? ''])),
      value,
      refs: inside.slice(-maxRefs).map(({ ref }) => ref),
      events: inside.length,
    }
  }

  /** Time has come to `now`: windows that are over are judged where only their end can tell, and forgotten. */
  #closeOver(now: number): CorrelationMatch[] {
    if (now <= this.#now) return []
    this.#now = now
    const { timespanMs } = this.correlation
    const found: CorrelationMatch[] = []
    for (const group of this.#groups.values()) {
      const [first] = group.entries
      const last = group.entries.at(-1)
      if (first === undefined || last === undefined) continue
      if (this.#isUpperOnly && first.at + timespanMs < now) {
        const inside = group.entries.filter(({ at }) => at <= first.at + timespanMs)
        const window: Group = { key: group.key, entries: inside, from: 0, isMet: false, counts: new Map(), sum: 0 }
        for (const entry of inside) this.#count(window, entry, 1)
        found.push(...this.#judge(window, inside, this.#valueOf(window, first), first.at + timespanMs))
        this.#remove(group, inside.length)
        continue
      }
      // Groups stand in the order of their last use: behind the first that is young enough none is old.
      if (last.at + 2 * timespanMs >= now) break
      this.#groups.delete(group.key)
      this.events -= group.entries.length
    }
    return found
  }

  #remove(group: Group, count: number): void {
    this.events -= count
    group.entries.splice(0, count)
    group.from = 0
    group.counts = new Map()
    group.sum = 0
    for (const entry of group.entries) this.#count(group, entry, 1)
    if (group.entries.length === 0) this.#groups.delete(group.key)
  }

  save(): CorrelatorState[number]['groups'] {
    return [...this.#groups.values()].map(({ key, isMet, entries }) => ({
      key,
      isMet,
      entries: entries.map(({ at, rule, ref, value }) => [at, rule, ref, value] as const),
    }))
  }

  restore(groups: CorrelatorState[number]['groups']): void {
    for (const { key, isMet, entries } of groups) {
      const group: Group = { key, entries: entries.map(([at, rule, ref, value]) => ({ at, rule, ref, value })), from: 0, isMet, counts: new Map(), sum: 0 }
      for (const entry of group.entries) this.#count(group, entry, 1)
      const newest = group.entries.at(-1)?.at
      if (newest === undefined) continue
      this.#shrink(group, newest - this.correlation.timespanMs)
      this.#now = Math.max(this.#now, newest)
      this.#groups.set(key, group)
      this.events += group.entries.length
    }
  }
}

function holds(value: number, comparison: CountComparison, bound: number): boolean {
  if (comparison === 'lt') return value < bound
  if (comparison === 'lte') return value <= bound
  if (comparison === 'gt') return value > bound
  if (comparison === 'gte') return value >= bound
  return comparison === 'eq' ? value === bound : value !== bound
}

/** The percentile of counted numbers, between neighbours in proportion (as NumPy and PostgreSQL's percentile_cont do). Not a number where there are none. */
function percentileOf(counts: ReadonlyMap<string, number>, percentile: number): number {
  const numbers = [...counts]
    .map(([text, count]) => ({ number: Number(text), count }))
    .filter(({ number }) => Number.isFinite(number))
    .toSorted((a, b) => a.number - b.number)
  const total = numbers.reduce((sum, { count }) => sum + count, 0)
  const place = ((total - 1) * percentile) / 100
  const at = (index: number) => {
    let seen = 0
    for (const { number, count } of numbers) {
      seen += count
      if (index < seen) return number
    }
    return Number.NaN
  }
  const low = at(Math.floor(place))
  return low + (at(Math.ceil(place)) - low) * (place - Math.floor(place))
}
