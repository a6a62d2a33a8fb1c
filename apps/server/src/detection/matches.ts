import { sql } from 'drizzle-orm'
import { instantAt } from '../kernel/clock.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { storable } from '../kernel/text.ts'
import type { Finding } from './findings.ts'
import type { ActiveRule } from './rules.ts'
import { detectionMatches } from './tables.ts'

/** Latest events that an alert shows. */
const keptMatches = 20
/** Events that correlations may refer to, kept to be shown with them. */
const maxWatched = 20_000
const maxWatchedBytes = 20_000

/** An event that a rule matched. */
interface MatchedEvent extends Pick<Finding, 'match' | 'batch'> {
  readonly ruleId: string
}

/** The events that correlations count, by the reference that they are counted under. */
export class WatchedEvents {
  readonly #events = new Map<string, MatchedEvent>()

  /** Remembers an event. The oldest go first: what an alert shows of its events is then fewer, not its count. */
  add(ref: string, event: MatchedEvent): void {
    if (event.match.text.length > maxWatchedBytes) return
    this.#events.set(ref, event)
    const [oldest] = this.#events.keys()
    if (this.#events.size > maxWatched && oldest !== undefined) this.#events.delete(oldest)
  }

  /** The events of a finding: its own, and for a correlation those before it. */
  of({ rule, match, batch, correlation }: Finding): (MatchedEvent & { readonly group: Readonly<Record<string, string>> })[] {
    const group = correlation?.group ?? {}
    const own = { match, batch, ruleId: rule.id, group }
    if (correlation === undefined) return [own]
    const rested = correlation.refs.flatMap(ref => this.#events.get(ref) ?? []).filter(({ match: other }) => other !== match)
    return [...rested.slice(1 - keptMatches).map(one => ({ ...one, group: {} })), own]
  }
}

/** Keeps the latest events of alerts. @param found with an alert each, in the same order */
export async function keepMatches(
  tx: Tx,
  watched: WatchedEvents,
  rules: ReadonlyMap<string, ActiveRule>,
  found: readonly Finding[],
  alertIds: readonly string[],
): Promise<void> {
  // Of many events of one alert in a batch, the latest.
  const perAlert = Map.groupBy(found.keys(), i => alertIds[i])
  const rows = [...perAlert].flatMap(([alertId, indexes]) =>
    alertId === undefined
      ? []
      : indexes
          .flatMap(i => found[i] ?? [])
          .flatMap(finding => watched.of(finding))
          .slice(-keptMatches)
          .map(({ match, batch, ruleId, group }) => ({
            id: newId(),
            alertId,
            ruleId: rules.get(ruleId)?.id ?? null,
            sourceId: batch.sourceId,
            at: instantAt(match.at) ?? batch.receivedAt,
            fields: Object.fromEntries(
              Object.entries({ ...match.fields, ...group }).map(([field, value]) => [storable(field), [value].flat().map(text => storable(text, 4_000))]),
            ),
            event: storable(match.text, 200_000),
          })),
  )
  await tx.db.insert(detectionMatches).values(rows)
  const ids = [...new Set(alertIds)]
  await tx.db.execute(sql`
    delete from detection_matches where id in (
      select id from (select id, row_number() over (partition by alert_id order by id desc) as place
        from detection_matches where alert_id = any(${sql.param(ids)}::uuid[])) ranked where place > ${keptMatches})`)
}
