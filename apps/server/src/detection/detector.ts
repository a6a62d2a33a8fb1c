import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import { type ChunkResult, Correlating, compileApart, Engine, type FieldMapping, type FoundMatch, levels, MatcherPool } from '@tocsin/sigma'
import { asc, eq, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { receiveAlerts } from '../alerts/index.ts'
import { system } from '../journal/index.ts'
import { isUnavailable, type Tx } from '../kernel/database.ts'
import type { Finding as Health } from '../kernel/finding.ts'
import { secretDigest } from '../kernel/secrets.ts'
import { sentenceOf } from '../kernel/telemetry.ts'
import { keepInvalidLines, keepLines } from './dead-letters.ts'
import { alertOf, countMatches, type Finding } from './findings.ts'
import { activeIndicators, countSightings, type Listed, listed } from './indicators.ts'
import { batchChannel, type EventIntake } from './intake.ts'
import { keepMatches, WatchedEvents } from './matches.ts'
import { bundleOwn } from './own-alerts.ts'
import { ownSourceId } from './own-trail.ts'
import { type ActiveRule, activeRules } from './rules.ts'
import { servicesOf } from './services.ts'
import { readMapping, readPlaceholders } from './settings.ts'
import { sourceSettings } from './source-settings.ts'
import { noteSeen, watchSources } from './sources.ts'
import { syslogSources } from './syslog.ts'
import { correlationStates, eventBatches, type LogSourceParts, logSources } from './tables.ts'
import { type DetectionWatch, setAsideKey, unmatchedReason } from './watch.ts'

const decompress = promisify(zstdDecompress)
const compress = promisify(zstdCompress)

/** Batches matched together, in one transaction. */
const batchesAtOnce = 16
const bytesAtOnce = 32 * 1_048_576
/** A batch that fails this often is set aside: it must not hold up the others. */
const maxAttempts = 3
/** Batches that are split within an hour to find the event that fails; beyond it they are set aside whole. */
const maxSplits = 1_000
const splitWindowMs = 3_600_000
const findingsAtOnce = 1_000
const maxRecent = 200
const retryMs = 1_000
const stopMs = 5_000
/** A thread that died is told of for so long, though it was replaced. */
const toldMs = 600_000
/** A longer indicator stands in the key of its alert by its digest: what tells alerts apart must not be cut off. */
const longestInKey = 100

/** The active rules, ready to match. */
interface Armed {
  readonly engine: Engine
  readonly pool: MatcherPool
  readonly correlating: Correlating
  /** By the id that a rule gives itself: its row. */
  readonly rows: ReadonlyMap<string, ActiveRule>
  readonly logsources: readonly string[]
  readonly mapping: FieldMapping
  /** Indicators of compromise that are looked for. */
  readonly indicators: number
}

type Batch = Omit<typeof eventBatches.$inferSelect, 'logsource'> & { readonly logsource: LogSourceParts }

class TakenByAnother extends Error {}

const named = (parts: LogSourceParts) => Object.values(parts).some(part => part !== undefined)

/** Matches the queued batches, in the order in which they were received, and turns matches into alerts. */
export class Detector {
  readonly #context: AppContext
  readonly #intake: EventIntake
  readonly #alarms: DetectionWatch
  #armed: Armed | undefined
  #arming: Promise<void> | undefined
  #mustArm = false
  /** New rules take the place of the old: no batch begins meanwhile. */
  #isSwapping = false
  #draining: Promise<void> | undefined
  #isWoken = false
  #isStopped = true
  #timer: NodeJS.Timeout | undefined
  #recent: string[] = []
  readonly #watched = new WatchedEvents()

  constructor(context: AppContext, intake: EventIntake, watch: DetectionWatch) {
    this.#context = context
    this.#intake = intake
    this.#alarms = watch
  }

  get status(): { refused: number; isCompiling: boolean; correlationEvents: number; correlationEvicted: number; indicators: number; activeRules: number } {
    const counts = this.#armed?.correlating.correlator.counts
    return {
      refused: this.#armed?.engine.refused.length ?? 0,
      isCompiling: this.#arming !== undefined,
      correlationEvents: counts?.kept ?? 0,
      correlationEvicted: counts?.evicted ?? 0,
      indicators: this.#armed?.indicators ?? 0,
      activeRules: (this.#armed?.engine.rules.length ?? 0) + (this.#armed?.engine.correlations.length ?? 0),
    }
  }

  /** Threads that ended by themselves since this server has started, and when the last one did (ms since 1970). */
  readonly deaths = { count: 0, at: 0 }
  #armFailures = 0
  #splits = { since: 0, count: 0 }

  /** Since this server has started. */
  readonly counts = { events: 0, invalid: 0, matches: 0 }

  /** Whether sources receive events whose log source is only known by the program that wrote them. */
  get #hasSyslog(): boolean {
    const { TOCSIN_SYSLOG_UDP, TOCSIN_SYSLOG_TCP, TOCSIN_SYSLOG_TLS, TOCSIN_FOLLOW_FOLDERS } = this.#context.config.of(sourceSettings)
    return [TOCSIN_SYSLOG_UDP, TOCSIN_SYSLOG_TCP, TOCSIN_SYSLOG_TLS].some(port => port !== undefined) || TOCSIN_FOLLOW_FOLDERS.length > 0
  }

  /** The latest events that were matched, newest first, as JSON. */
  get recent(): readonly string[] {
    return this.#recent
  }

  async start(): Promise<void> {
    this.#isStopped = false
    this.reload()
    this.#context.database.listen(batchChannel, () => this.wake())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    // What is being matched ends soon, or is cut off: its batches are still in the database, and matched after the next start.
    const cut = setTimeout(() => void this.#armed?.pool.close(), stopMs)
    await this.#arming
    await this.#draining
    clearTimeout(cut)
    await this.#armed?.pool.close()
  }

  #threadDied(error: Error): void {
    this.deaths.count += 1
    this.deaths.at = Date.now()
    this.#context.log.error({ err: error }, 'a matcher thread exited unexpectedly; restarting')
  }

  /** What is wrong with it: threads that died lately, rules that cannot be made ready. */
  async health(): Promise<Health | undefined> {
    const isMissing = (this.#armed?.pool.missing ?? 0) > 0
    if (isMissing || Date.now() - this.deaths.at < toldMs)
      return {
        severity: 'degraded',
        detail: `A matcher thread exited unexpectedly${isMissing ? ' and is restarting; events are queued' : ' and was restarted'} (${this.deaths.count} since startup).`,
      }
    if (this.#armFailures > 1) return { severity: 'degraded', detail: 'Detection rules cannot be compiled. The previous rules stay active.' }
    return undefined
  }

  /** Rules or sources have changed: the enabled rules are compiled beside, and takes the place of the old between two batches. */
  reload(): void {
    this.#mustArm = true
    if (this.#isStopped) return
    this.#arming ??= this.#arm()
      .catch((error: unknown) => {
        this.#context.log.error({ err: error }, 'the rules could not be compiled; retrying')
        this.#armFailures += 1
        this.#mustArm = true
      })
      .finally(() => {
        this.#arming = undefined
        if (this.#mustArm) this.#later()
        this.wake()
      })
  }

  /** Whatever could not be done is tried again: one timer, so that neither forgets the other. */
  #later(): void {
    clearTimeout(this.#timer)
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      if (this.#mustArm) this.reload()
      this.wake()
    }, retryMs)
  }

  async #arm(): Promise<void> {
    const reader = this.#context.database.reader()
    while (this.#mustArm && !this.#isStopped) {
      this.#mustArm = false
      const { files, rows } = await activeRules(reader)
      const sources = await reader.db.selectDistinct({ logsource: logSources.logsource }).from(logSources)
      // Without a source no events can be received: a fresh start need not compile rules.
      if (sources.length === 0) continue
      const declared = [...sources.map(({ logsource }) => logsource).filter(named), ...(this.#hasSyslog ? syslogSources : [])]
      const mapping = await readMapping(reader)
      const placeholders = await readPlaceholders(reader)
      const [saved, indicators] = await Promise.all([compileApart(files, { declared, mapping, placeholders }), activeIndicators(reader)])
      const engine = Engine.load(saved)
      if (engine === undefined) throw new Error('the engine image was compiled by another version')
      const pool = new MatcherPool(saved, 1, { indicators, onDeath: error => this.#threadDied(error) })
      await pool.ready.catch(async (error: unknown) => {
        await pool.close()
        throw error
      })
      const before = this.#armed
      this.#isSwapping = true
      try {
        // The old rules end with the batch that they are at.
        await this.#draining
        const correlating = new Correlating(engine)
        const states = await reader.db.select().from(correlationStates)
        correlating.correlator.restore(states.map(({ correlationId, state }) => ({ id: correlationId, groups: state })))
        this.#armed = { engine, pool, correlating, rows, logsources: declared.map(parts => JSON.stringify(parts)), mapping, indicators: indicators?.size ?? 0 }
      } catch (error) {
        await pool.close()
        throw error
      } finally {
        this.#isSwapping = false
      }
      this.#armFailures = 0
      await before?.pool.close()
    }
  }

  wake(): void {
    this.#isWoken = true
    if (this.#isStopped || this.#isSwapping || this.#armed === undefined) return
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
      if (this.#isWoken) this.wake()
    })
  }

  /** Waits until everything received so far is matched. Tests call it. */
  async settle(): Promise<void> {
    this.wake()
    while (this.#arming || this.#draining) await (this.#arming ?? this.#draining)
  }

  async #drain(): Promise<void> {
    try {
      while (this.#isWoken && !this.#isStopped && !this.#isSwapping) {
        this.#isWoken = false
        const batches = await this.#next()
        if (batches.length === 0) return
        this.#isWoken = true
        await this.#work(batches)
      }
    } catch (error) {
      this.#context.log.error({ err: error }, 'events could not be matched; retrying')
      this.#isWoken = false
      this.#later()
    }
  }

  async #next(): Promise<Batch[]> {
    const rows = await this.#context.database
      .reader()
      .db.select({ batch: eventBatches, logsource: logSources.logsource })
      .from(eventBatches)
      .innerJoin(logSources, eq(logSources.id, eventBatches.sourceId))
      .orderBy(asc(eventBatches.id))
      .limit(batchesAtOnce)
    const taken: Batch[] = []
    let size = 0
    for (const { batch, logsource } of rows) {
      size += batch.sizeBytes
      if (taken.length > 0 && size > bytesAtOnce) break
      taken.push({ ...batch, logsource: named(logsource) ? logsource : (batch.logsource ?? logsource) })
    }
    return taken
  }

  /** All together; where that fails, one by one, so that a batch that cannot be matched is found and set aside. */
  async #work(batches: readonly Batch[]): Promise<void> {
    try {
      await this.#match(batches)
    } catch (error) {
      if (error instanceof TakenByAnother) return
      if (batches.length > 1) {
        for (const batch of batches) await this.#work([batch])
        return
      }
      const [batch] = batches
      if (batch !== undefined) await this.#failed(batch, error)
    }
  }

  async #failed(batch: Batch, error: unknown): Promise<void> {
    const { database, log } = this.#context
    // A database that is away, or a server that stops, is no fault of the batch.
    if (isUnavailable(error) || this.#isStopped) throw error
    log.error({ err: error, batch: batch.id }, 'a batch of events could not be matched')
    if (batch.attempts + 1 < maxAttempts) {
      await database
        .reader()
        .db.update(eventBatches)
        .set({ attempts: batch.attempts + 1 })
        .where(eq(eventBatches.id, batch.id))
      throw error
    }
    const lines = (await decompress(batch.body))
      .toString('utf8')
      .split('\n')
      .filter(line => line.trim() !== '')
    if (lines.length > 1 && this.#maySplit()) return this.#split(batch, lines)
    await database.transaction(async tx => {
      await keepLines(tx, batch, lines, `${unmatchedReason}: ${sentenceOf(error)}`)
      await tx.db.delete(eventBatches).where(eq(eventBatches.id, batch.id))
      await this.#context.alarms.raise(tx, {
        key: setAsideKey,
        title: 'Log events could not be matched',
        summary: `${lines.length === 1 ? 'An event' : `${lines.length.toLocaleString('en')} events`} failed in each attempt and became dead letters, so detection rules have not seen them: ${sentenceOf(error)}. Look at the dead letters under Detection; the server's log has the details.`,
      })
    })
    this.#alarms.setAside()
    this.#intake.done(batch.sizeBytes)
  }

  /** Splitting costs a transaction each time: whoever sends nothing but events that fail must not make it go on for ever. */
  #maySplit(): boolean {
    const now = Date.now()
    if (now - this.#splits.since > splitWindowMs) this.#splits = { since: now, count: 0 }
    this.#splits.count += 1
    return this.#splits.count <= maxSplits
  }

  /** Puts two halves in the place of a batch that fails, each tried once: so the event that fails is found, and the others are matched. */
  async #split(batch: Batch, lines: readonly string[]): Promise<void> {
    const middle = lines.length >> 1
    const halves = [lines.slice(0, middle), lines.slice(middle)].map(half => Buffer.from(`${half.join('\n')}\n`))
    const rows = await Promise.all(halves.map(async half => ({ sizeBytes: half.length, body: await compress(half) })))
    const { sourceId, receivedAt, logsource } = batch
    const isMine = await this.#context.database.transaction(async tx => {
      const taken = await tx.db.delete(eventBatches).where(eq(eventBatches.id, batch.id)).returning({ id: eventBatches.id })
      if (taken.length > 0) await tx.db.insert(eventBatches).values(rows.map(row => ({ ...row, sourceId, receivedAt, logsource, attempts: maxAttempts - 1 })))
      return taken.length > 0
    })
    if (isMine) this.#intake.divided()
  }

  async #match(batches: readonly Batch[]): Promise<void> {
    const armed = this.#armed
    if (armed === undefined) return
    const results = await Promise.all(
      batches.map(async batch => {
        const lines = await decompress(batch.body)
        // Whoever may try rules on the latest events may not read the audit log for that.
        if (batch.sourceId !== ownSourceId) this.#remember(lines)
        const chunk = new Uint8Array(lines.length)
        chunk.set(lines)
        // A source that was declared after the rules were compiled is judged by what its events say, until they are compiled again.
        const isKnown = named(batch.logsource) && armed.logsources.includes(JSON.stringify(batch.logsource))
        return armed.pool.match(chunk, isKnown ? batch.logsource : undefined)
      }),
    )
    const found = batches.flatMap((batch, i) => this.#findings(armed, batch, results[i]))
    // The correlations have moved on: what they remember is written with the batches, or taken back from before.
    try {
      await this.#context.database.transaction(tx => this.#keep(tx, armed, batches, results, found))
    } catch (error) {
      const states = await this.#context.database.reader().db.select().from(correlationStates)
      const fresh = new Correlating(armed.engine)
      fresh.correlator.restore(states.map(({ correlationId, state }) => ({ id: correlationId, groups: state })))
      this.#armed = { ...armed, correlating: fresh }
      throw error
    }
    for (const batch of batches) this.#intake.done(batch.sizeBytes)
    for (const { events, invalid, sightings } of results) {
      this.counts.events += events - invalid.length
      this.counts.invalid += invalid.length
      this.counts.matches += sightings.length
    }
    this.counts.matches += found.length
  }

  #remember(lines: Buffer): void {
    const text = lines.subarray(Math.max(0, lines.length - 200_000)).toString('utf8')
    const latest = text
      .split('\n')
      .filter(line => line.startsWith('{'))
      .slice(-maxRecent)
      .toReversed()
    this.#recent = [...latest, ...this.#recent].slice(0, maxRecent)
  }

  #findings(armed: Armed, batch: Batch, result: ChunkResult | undefined): Finding[] {
    const arrivedAt = Date.parse(batch.receivedAt)
    return (result?.matches ?? []).flatMap(match => {
      const rule = armed.engine.rules[match.rule]
      if (rule === undefined) return []
      const ref = `${batch.id}.${match.line}`
      if (armed.correlating.correlator.watches(rule.id)) this.#watched.add(ref, { match, batch, ruleId: rule.id })
      const correlations = armed.correlating.observe(match, ref, arrivedAt)
      return [
        ...(armed.correlating.isReported(match.rule) ? [{ rule, match, batch }] : []),
        ...correlations.map(correlation => ({ rule: correlation.correlation, match, batch, correlation })),
      ]
    })
  }

  async #keep(tx: Tx, armed: Armed, batches: readonly Batch[], results: readonly ChunkResult[], found: readonly Finding[]): Promise<void> {
    const ids = batches.map(({ id }) => id)
    const mine = await tx.db.delete(eventBatches).where(inArray(eventBatches.id, ids)).returning({ id: eventBatches.id })
    // Another server has matched one of them meanwhile: nothing of this is kept, and what is left is taken again.
    if (mine.length < ids.length) throw new TakenByAnother()
    const sighted = await this.#sightings(tx, batches, results)
    // In slices: a statement takes only so many values, and a rule that meets everything must not stop the others.
    const all = [...found, ...sighted]
    for (let from = 0; from < all.length; from += findingsAtOnce) {
      const slice = all.slice(from, from + findingsAtOnce)
      const serviceIds = await servicesOf(tx, armed.rows, slice)
      const raised = slice.map((finding, i) => alertOf(finding, armed.mapping, armed.rows.get(finding.rule.id), serviceIds[i]))
      const received = await receiveAlerts(tx, this.#context, system, 'detection', await bundleOwn(tx, slice, raised))
      const alertIds = received.map(({ id }) => id)
      await keepMatches(tx, this.#watched, armed.rows, slice, alertIds)
    }
    if (found.length > 0) await countMatches(tx, armed.rows, found)
    for (const [i, batch] of batches.entries()) {
      const { events = 0, invalid = [] } = results[i] ?? {}
      if (await noteSeen(tx, batch.sourceId, batch.receivedAt, events)) await watchSources(tx, this.#context)
      await keepInvalidLines(tx, batch, invalid)
    }
    const isWatched = (match: FoundMatch) => armed.correlating.correlator.watches(armed.engine.rules[match.rule]?.id ?? '')
    if (results.some(({ matches }) => matches.some(isWatched))) await keepCorrelations(tx, armed)
  }

  /** Indicators that were seen, with what their lists say of them now: those that have ended or are ignored meanwhile are nothing. */
  async #sightings(tx: Tx, batches: readonly Batch[], results: readonly ChunkResult[]): Promise<Finding[]> {
    const seen = results.flatMap((result, i) => {
      const batch = batches[i]
      return batch === undefined ? [] : result.sightings.flatMap(({ found, ...event }) => found.map(one => ({ ...one, event, batch })))
    })
    const byKey = Map.groupBy(await listed(tx, [...new Set(seen.map(({ key }) => key))]), ({ key }) => key)
    const counts = new Map<string, number>()
    for (const { key } of seen) for (const { list } of byKey.get(key) ?? []) counts.set(list.id, (counts.get(list.id) ?? 0) + 1)
    await countSightings(tx, counts)
    return seen.flatMap(({ key, field, value, event, batch }) => {
      const lists = byKey.get(key) ?? []
      return lists.length === 0 ? [] : [sightingOf(key, lists, { ...event, rule: -1, fields: { [field]: value } }, batch)]
    })
  }
}

function sightingOf(key: string, lists: readonly Listed[], match: FoundMatch, batch: Batch): Finding {
  const level = levels.findLast(candidate => lists.some(({ list }) => list.level === candidate)) ?? 'medium'
  const description = lists
    .map(({ list, description: said }) => (said === '' ? `Found in the indicator list ${list.name}.` : `${list.name}: ${said}`))
    .join('\n')
  const kind = lists[0]?.kind ?? 'domain-name'
  return {
    rule: { id: `indicator ${key.length > longestInKey ? secretDigest(key) : key}`, title: `Indicator match ${key}`, level, description },
    match,
    batch,
    indicator: { key, kind, lists: lists.map(({ list }) => list.name) },
  }
}

async function keepCorrelations(tx: Tx, armed: Armed): Promise<void> {
  const states = armed.correlating.correlator.save().map(({ id, groups }) => ({ correlationId: id, state: groups }))
  await tx.db
    .insert(correlationStates)
    .values(states)
    .onConflictDoUpdate({ target: correlationStates.correlationId, set: { state: sql`excluded.state` } })
}
