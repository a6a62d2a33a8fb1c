import { levelSeverities, type Severity } from '@tocsin/api'
import type { CorrelationMatch, FieldMapping, FoundMatch, IndicatorKind } from '@tocsin/sigma'
import { EventView } from '@tocsin/sigma'
import { sql } from 'drizzle-orm'
import type { IncomingAlert } from '../alerts/index.ts'
import { instantAt } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { storable } from '../kernel/text.ts'
import { entityOf, observablesOf } from './observables.ts'
import type { ActiveRule } from './rules.ts'
import { detectionDays, detectionRules } from './tables.ts'

/** A rule or correlation that has come to hold, or an indicator that was seen. */
export interface Finding {
  readonly rule: { readonly id: string; readonly title: string; readonly level: string; readonly description?: string }
  readonly match: FoundMatch
  /** When the event was received, and with which batch. */
  readonly batch: { readonly id: number; readonly sourceId: string; readonly receivedAt: string }
  readonly correlation?: CorrelationMatch
  /** An indicator of compromise, seen in the event; the rule then stands for it. */
  readonly indicator?: { readonly key: string; readonly kind: IndicatorKind; readonly lists: readonly string[] }
}

/** Whatever text a rule has as its level. */
const severities: Readonly<Record<string, Severity>> = levelSeverities

/** Matches about the same within this time are one alert. */
const windowHours = 24

/** Begins the deduplication key of each alert of a rule within its window. */
export const windowKeyOf = ({ rule, batch }: Finding): string => `${rule.id} ${Math.floor(Date.parse(batch.receivedAt) / (windowHours * 3_600_000))}`

/**
 * The alert of a finding.
 * @param active which text of the rule matched; an indicator has none
 * @param serviceId what it is about; null where nobody has said it
 */
export function alertOf(
  finding: Finding,
  mapping: FieldMapping = {},
  active?: Omit<ActiveRule, 'title'>,
  serviceId: string | null = null,
): IncomingAlert & { labels: Record<string, string> } {
  const { rule, match, correlation, indicator } = finding
  const event = new EventView(match.text, mapping)
  const entity = correlation === undefined ? entityOf(event) : Object.values(correlation.group).join(' ')
  const matched = Object.entries(correlation === undefined ? match.fields : correlation.group).map(([field, value]) => `${field}: ${[value].flat().join(', ')}`)
  const counted = correlation === undefined ? [] : [`${correlation.events} events within the timespan, value ${Math.round(correlation.value * 100) / 100}`]
  return {
    title: storable(entity === '' ? rule.title : `${rule.title}: ${entity}`, 300),
    severity: severities[rule.level] ?? 'medium',
    serviceId,
    // The same rule on the same entity is one alert with a count, for as long as its window.
    dedupKey: storable(`${windowKeyOf(finding)} ${entity}`, 300),
    source: 'detection',
    occurredAt: instantAt(match.at),
    ...(active && { rule: { id: active.id, version: active.version, sha256: active.sha256 } }),
    labels:
      indicator === undefined
        ? { rule: storable(rule.id, 1_000), level: rule.level }
        : { indicator: storable(indicator.key, 2_000), lists: storable(indicator.lists.join(', '), 1_000), level: rule.level },
    links: [],
    description: storable([...(rule.description === undefined ? [] : [rule.description, '']), ...counted, ...matched].join('\n'), 20_000),
    observables: observablesOf(event, indicator && { kind: indicator.kind, value: indicator.key }).map(({ kind, value }) => ({ kind, value: storable(value) })),
  }
}

/** Counts the matches of rules, in all and by day. @param rows rows of rules by the id that a rule gives itself */
export async function countMatches(tx: Tx, rows: ReadonlyMap<string, { id: string }>, found: readonly Finding[]): Promise<void> {
  const counts = new Map<string, number>()
  for (const { rule } of found) {
    const id = rows.get(rule.id)?.id
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  const ids = sql.param([...counts.keys()])
  const numbers = sql.param([...counts.values()])
  await tx.db
    .update(detectionRules)
    .set({ matches: sql`${detectionRules.matches} + given.times`, lastMatchAt: tx.now })
    .from(sql`unnest(${ids}::uuid[], ${numbers}::int[]) as given(rule, times)`)
    .where(sql`${detectionRules.id} = given.rule`)
  const day = tx.now.slice(0, 10)
  if (counts.size > 0)
    await tx.db
      .insert(detectionDays)
      .values([...counts].map(([ruleId, matches]) => ({ ruleId, day, matches })))
      .onConflictDoUpdate({ target: [detectionDays.ruleId, detectionDays.day], set: { matches: sql`${detectionDays.matches} + excluded.matches` } })
}
