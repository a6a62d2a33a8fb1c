import type { JournalReaderStatus } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { Gauge } from 'prom-client'
import type { Alarm, Alarms } from '../kernel/alarms.ts'
import type { Database, Reader } from '../kernel/database.ts'
import type { Finding } from '../kernel/finding.ts'
import { Repeating } from '../kernel/repeating.ts'
import type { Log, Metrics } from '../kernel/telemetry.ts'
import { countDeadLetters } from './dead-letters.ts'
import type { JournalReaders } from './follow.ts'
import { type HeldPlace, heldPlaces, lastGiven } from './order.ts'
import { deadLetterAlarm } from './reader.ts'
import { type NewEntry, recordAll, system } from './record.ts'
import type { Sealer } from './seal.ts'
import type { AlteredEntry } from './sealed-entries.ts'
import type { AuditStreams } from './streams/open.ts'
import type { WitnessStatus } from './witnesses/witness.ts'

const lookMs = 5_000
/** A reader that is further behind is shown as lagging. */
const lagSeconds = 10
/** A reader that stays further behind is an alarm. */
const alarmSeconds = 60
/** Looks in a row at which a reader must be found far behind: a clock that jumps is not a reader that stands still. */
const looksUntilAlarm = 3
/** A transaction that writes the journal and is open for longer is an alarm: no reader can read past its place. */
export const writerSeconds = 30
/** An alarm is raised again that often while its cause lasts; while its page is open, that pages nobody. */
const repeatMs = 60_000

const readerAlarm = (name: string) => `journal-reader:${name}`
const writerAlarm = 'journal-writer'
const backAlarm = 'journal-went-back'
const rewrittenAlarm = 'journal-rewritten'
const foreignAlarm = 'journal-foreign-entries'
const alteredAlarm = 'journal-altered-entries'

const rewrittenAdvice =
  'Nothing is sealed until this is resolved. If an older backup was restored, start Tocsin with --accept-restored-audit-log; otherwise somebody has changed the database: keep a copy of it as evidence.'

const foreignSentence = (count: number) =>
  `${count === 1 ? 'An entry' : `${count} entries`} in the audit log ${count === 1 ? 'was' : 'were'} not written by Tocsin, or changed before ${count === 1 ? 'it was' : 'they were'} sealed.`
const foreignAdvice =
  'Somebody can write to the database. The audit log names these entries (search for "did not write"). Keep a copy of the database as evidence and change its passwords.'

const alteredSentence = (count: number) =>
  `${count === 1 ? 'A sealed entry' : `${count} sealed entries`} of the audit log ${count === 1 ? 'was' : 'were'} changed or deleted in the database.`
const maxNamed = 10
const namesOf = (altered: readonly AlteredEntry[]) =>
  `${altered
    .slice(0, maxNamed)
    .map(({ index, id, fault }) => `number ${index}${id === '' ? '' : ` (${id})`} was ${fault}`)
    .join(', ')}${altered.length > maxNamed ? ` and ${altered.length - maxNamed} more` : ''}`
const alteredAdvice =
  'Somebody has the database in hand as the owner of its tables. Keep a copy of it as evidence, and compare with an export or a backup from before: what these entries said is gone here.'

const about = { actor: system, subject: { kind: 'journal', id: 'journal' } } as const

type Outside = 'witness' | 'stream'
interface OutsideWords {
  sentence(status: WitnessStatus): string
  failed(name: string, error: string): NewEntry
  recovered(name: string): NewEntry
  title(name: string): string
  readonly advice: string
}

/** Those outside the database that are given checkpoints or entries, and how their failing is told. */
const outside: Readonly<Record<Outside, OutsideWords>> = {
  witness: {
    sentence: ({ name, lagSeconds: seconds, error }) => `Checkpoints of the audit log have not reached ${name} for ${seconds} s (${error}).`,
    failed: (witness, error) => ({ ...about, type: 'journal.witness-failed', data: { witness, error } }),
    recovered: witness => ({ ...about, type: 'journal.witness-recovered', data: { witness } }),
    title: name => `Checkpoints of the audit log do not reach ${name}`,
    advice: 'Sealing goes on, and the newest checkpoint is tried again until it is taken. Meanwhile, only the database shows what the audit log was.',
  },
  stream: {
    sentence: ({ name, lagSeconds: seconds, error }) => `Entries of the audit log have not reached ${name} for ${seconds} s (${error}).`,
    failed: (stream, error) => ({ ...about, type: 'journal.stream-failed', data: { stream, error } }),
    recovered: stream => ({ ...about, type: 'journal.stream-recovered', data: { stream } }),
    title: name => `Entries of the audit log do not reach ${name}`,
    advice:
      'They are sent again until they are taken, and none is passed over. Meanwhile, whoever watches the receiver sees nothing of what happens in Tocsin.',
  },
}
const outsideAlarm = (kind: Outside, name: string) => `journal-${kind}:${name}`

const backSentence = 'The audit log is behind what was already processed, as after a restore or a failover to a lagging replica.'
const backAdvice =
  'Processing is paused so that no entry is skipped. Restart every Tocsin process; if this persists, restore the whole database from one backup.'

interface Services {
  readonly database: Database
  readonly log: Log
  readonly metrics: Metrics
  readonly alarms: Alarms
  readonly readers: JournalReaders
  readonly sealer: Sealer
  readonly streams: AuditStreams
}

interface Inspected extends JournalReaderStatus {
  /** The journal went back behind it. */
  readonly isAhead: boolean
}

/** How each reader is: how far behind, whether it fails, how many entries it has set aside. */
async function readReaders(reader: Reader, readers: JournalReaders): Promise<Inspected[]> {
  const own = [...readers.readers.values()]
  const names = sql.param(own.map(({ name }) => name))
  const seen = sql.param(own.map(one => one.seen))
  const rows = await reader.db.execute<{ name: string; behind: string; oldest: string | null; ahead: boolean }>(sql`
    select known.name, greatest(0, given.last - place.seq)::text as behind, next.at::text as oldest,
      place.seq > given.last as ahead
    from (select ${lastGiven} as last from journal_seq_seq) as given cross join unnest(${names}::text[], ${seen}::bigint[]) as known (name, seq)
      left join journal_cursors stored on stored.name = known.name
      cross join lateral (select greatest(known.seq, coalesce(stored.seq, 0)) as seq) place
      left join lateral (select at from journal where journal.seq > place.seq and journal.seq <= given.last order by journal.seq limit 1) next on true
    order by known.name`)
  const letters = await countDeadLetters(reader)
  return rows.rows.map(({ name, behind, oldest, ahead }) => {
    const one = readers.readers.get(name)
    const seconds = oldest === null ? 0 : Math.max(0, (Date.parse(reader.now) - Date.parse(oldest)) / 1_000)
    const isAhead = ahead || one?.isHalted === true
    const error = isAhead ? `${backSentence} ${backAdvice}` : (one?.lastError ?? null)
    return {
      ...{ name, lagEntries: oldest === null ? 0 : Number(behind), lagSeconds: Math.round(seconds * 10) / 10, error },
      state: error !== null ? ('failing' as const) : seconds > lagSeconds ? ('lagging' as const) : ('running' as const),
      deadLetters: letters.get(name) ?? 0,
      isAhead,
    }
  })
}

/** What is wrong with readers and writers, one sentence each, without content. */
function sentencesOf(readers: readonly Inspected[], writers: readonly HeldPlace[]): string[] {
  const ahead = readers.filter(({ isAhead }) => isAhead)
  return [
    ...(ahead.length === 0 ? [] : [`${backSentence} ${backAdvice} (Readers: ${ahead.map(({ name }) => name).join(', ')}.)`]),
    ...readers
      .filter(({ state, isAhead }) => state !== 'running' && !isAhead)
      .map(({ name, state, lagEntries, lagSeconds: seconds }) =>
        state === 'failing'
          ? `The audit log reader "${name}" is failing and retrying; it is ${lagEntries} entries behind.`
          : `The audit log reader "${name}" is ${Math.round(seconds)} s and ${lagEntries} entries behind.`,
      ),
    ...readers
      .filter(({ deadLetters }) => deadLetters > 0)
      .map(({ name, deadLetters }) => `The audit log reader "${name}" has ${deadLetters} ${deadLetters === 1 ? 'dead letter' : 'dead letters'}.`),
    ...writers.map(writerSentence),
  ]
}

const writerSentence = ({ pid, openSeconds, query }: HeldPlace) =>
  `A transaction that writes the audit log has been open for ${Math.round(openSeconds)} s (pid ${pid}, last statement: ${query.replace(/\s+/g, ' ').trim()}).`

/** Looks after the readers: metrics, readiness and alarms say which of them lag, fail or have set entries aside, and who holds them all back. */
export class JournalWatch {
  readonly #services: Services
  readonly #gauges: {
    entries: Gauge<'reader'>
    seconds: Gauge<'reader'>
    letters: Gauge<'reader'>
    writer: Gauge
    witness: Gauge<string>
    stream: Gauge<string>
  }
  /** Looks in a row at which a reader was found far behind. */
  readonly #behind = new Map<string, number>()
  /** When each alarm was raised last, in milliseconds of a clock that nobody sets. What an earlier process raised is taken to be open. */
  readonly #raised = new Map<string, number>()
  readonly #writerSeconds: number
  /** The witnesses and receivers whose failing is on record, by the key of their alarm. */
  readonly #failing = new Set<string>()
  readonly #looks: Repeating

  constructor(services: Services, options: { writerSeconds?: number } = {}) {
    this.#services = services
    this.#looks = new Repeating(lookMs, () => this.look(), services.log, 'journal readers could not be checked')
    this.#writerSeconds = options.writerSeconds ?? writerSeconds
    const registers = [services.metrics.registry]
    const labelNames = ['reader'] as const
    this.#gauges = {
      entries: new Gauge({ name: 'tocsin_journal_reader_lag_entries', help: 'Audit log entries not yet processed by a reader', labelNames, registers }),
      seconds: new Gauge({
        name: 'tocsin_journal_reader_lag_seconds',
        help: 'Age of the oldest audit log entry not yet processed by a reader',
        labelNames,
        registers,
      }),
      letters: new Gauge({ name: 'tocsin_journal_dead_letters', help: 'Dead letters of a reader', labelNames, registers }),
      writer: new Gauge({
        name: 'tocsin_journal_writer_seconds',
        help: 'Age of the oldest open transaction that writes the audit log if over 30 s, otherwise 0',
        registers,
      }),
      witness: new Gauge({
        name: 'tocsin_journal_witness_lag_seconds',
        help: 'Time since a newer checkpoint of the audit log exists than a witness has',
        labelNames: ['witness'],
        registers,
      }),
      stream: new Gauge({
        name: 'tocsin_journal_stream_lag_seconds',
        help: 'Time since a receiver of audit log entries has not taken one',
        labelNames: ['stream'],
        registers,
      }),
    }
  }

  start(): void {
    for (const name of this.#services.readers.readers.keys()) for (const key of [readerAlarm(name), deadLetterAlarm(name)]) this.#raised.set(key, 0)
    this.#raised.set(writerAlarm, 0)
    this.#raised.set(backAlarm, 0)
    this.#raised.set(rewrittenAlarm, 0)
    this.#raised.set(foreignAlarm, 0)
    this.#raised.set(alteredAlarm, 0)
    for (const { kind, status } of this.#outside()) this.#raised.set(outsideAlarm(kind, status.name), 0)
    this.#looks.start()
  }

  async stop(): Promise<void> {
    await this.#looks.stop()
  }

  /** For `/readyz`. */
  async health(): Promise<Finding | undefined> {
    const { readers, writers } = await this.read()
    const rewritten = await this.#services.sealer.inspect(this.#services.database.reader())
    const foreign = await this.#services.sealer.countForeign(this.#services.database.reader())
    const { altered } = this.#services.sealer.sealedEntries
    const found = [
      ...(rewritten === undefined ? [] : [`${rewritten} ${rewrittenAdvice}`]),
      ...(foreign === 0 ? [] : [foreignSentence(foreign)]),
      ...(altered.length === 0 ? [] : [alteredSentence(altered.length)]),
      ...this.#outside().flatMap(({ kind, status }) => (status.error === undefined ? [] : [outside[kind].sentence(status)])),
      ...sentencesOf(readers, writers),
    ]
    return found.length === 0 ? undefined : { severity: 'degraded', detail: found.join(' ') }
  }

  async read(): Promise<{ readers: Inspected[]; writers: HeldPlace[] }> {
    const reader = this.#services.database.reader()
    return { readers: await readReaders(reader, this.#services.readers), writers: await heldPlaces(reader, this.#writerSeconds) }
  }

  /** One look: measures, and raises and resolves alarms. */
  async look(): Promise<void> {
    const { readers, writers } = await this.read()
    const wanted = new Map<string, Alarm>()
    const want = (alarm: Alarm) => wanted.set(alarm.key, alarm)
    for (const { name, lagEntries, lagSeconds: seconds, deadLetters, error } of readers) {
      this.#gauges.entries.set({ reader: name }, lagEntries)
      this.#gauges.seconds.set({ reader: name }, seconds)
      this.#gauges.letters.set({ reader: name }, deadLetters)
      const looks = seconds > alarmSeconds ? (this.#behind.get(name) ?? 0) + 1 : 0
      this.#behind.set(name, looks)
      if (looks >= looksUntilAlarm)
        want({
          key: readerAlarm(name),
          title: `The audit log reader "${name}" is ${Math.round(seconds)} s behind`,
          summary: `${lagEntries} entries are not processed yet, and the actions they trigger have not run. ${error === null ? '' : `Error: ${error} `}See Settings, System.`,
        })
      if (deadLetters > 0)
        want({
          key: deadLetterAlarm(name),
          title: `The audit log reader "${name}" has ${deadLetters} ${deadLetters === 1 ? 'dead letter' : 'dead letters'}`,
          summary: 'Actions triggered by these entries have not run. In Settings, System, replay the dead letters after fixing the cause, or discard them.',
        })
    }
    const ahead = readers.filter(({ isAhead }) => isAhead)
    if (ahead.length > 0) {
      for (const { name } of ahead) this.#services.readers.readers.get(name)?.halt()
      want({ key: backAlarm, title: 'The audit log went back behind its readers', summary: `${backSentence} ${backAdvice}` })
    }
    const rewritten = await this.#services.sealer.inspect(this.#services.database.reader())
    if (rewritten !== undefined) {
      this.#services.log.error({ found: rewritten }, 'the stored audit log does not extend what was signed; nothing is sealed')
      want({ key: rewrittenAlarm, title: 'The audit log in the database was rewritten or restored', summary: `${rewritten} ${rewrittenAdvice}` })
    }
    const foreign = await this.#services.sealer.countForeign(this.#services.database.reader())
    if (foreign > 0)
      want({
        key: foreignAlarm,
        title: `The audit log has ${foreign === 1 ? 'an entry' : `${foreign} entries`} that Tocsin did not write`,
        summary: `${foreignSentence(foreign)} ${foreignAdvice}`,
      })
    const { altered } = this.#services.sealer.sealedEntries
    if (altered.length > 0)
      want({
        key: alteredAlarm,
        title: `${altered.length === 1 ? 'A sealed entry' : `${altered.length} sealed entries`} of the audit log changed or deleted`,
        summary: `${alteredSentence(altered.length)} Of the log, ${namesOf(altered)}. ${alteredAdvice}`,
      })
    for (const alarm of await this.#lookOutside()) want(alarm)
    const [oldest] = writers
    this.#gauges.writer.set(oldest?.openSeconds ?? 0)
    if (oldest) {
      this.#services.log.warn({ writers }, 'a long-running transaction blocks the journal readers')
      want({
        key: writerAlarm,
        title: 'A long-running transaction blocks the audit log',
        summary: `${writerSentence(oldest)} Reactions, live updates and sealing are blocked. If it does not end, run select pg_terminate_backend(${oldest.pid}).`,
      })
    }
    await this.#follow(wanted)
    // What is found from here on is an alarm at the next look: nothing that somebody writes into the database holds up those of this one.
    await this.#services.sealer.sealedEntries.look(this.#services.database.reader())
    // What was passed over is looked for only where it can be sealed.
    if (rewritten === undefined) await this.#services.sealer.sweep(this.#services.database)
  }

  #outside(): { kind: Outside; status: WitnessStatus }[] {
    const { sealer, streams } = this.#services
    return [
      ...sealer.witnesses.map(({ status }) => ({ kind: 'witness' as const, status })),
      ...streams.all.map(({ status }) => ({ kind: 'stream' as const, status })),
    ]
  }

  /** Records which witnesses and receivers begin to fail, and which have recovered. @returns an alarm for each that fails */
  async #lookOutside(): Promise<Alarm[]> {
    const found = this.#outside().map(one => ({ ...one, key: outsideAlarm(one.kind, one.status.name) }))
    for (const { kind, status } of found) this.#gauges[kind].set({ [kind]: status.name }, status.lagSeconds)
    const changed = found.filter(({ key, status }) => (this.#failing.has(key) ? status.error === undefined : status.isFailing))
    if (changed.length > 0)
      await this.#services.database.transaction(tx =>
        recordAll(
          tx,
          changed.map(({ kind, status: { name, error } }) => (error === undefined ? outside[kind].recovered(name) : outside[kind].failed(name, error))),
        ),
      )
    for (const { key, status } of changed) status.error === undefined ? this.#failing.delete(key) : this.#failing.add(key)
    return found
      .filter(({ key }) => this.#failing.has(key))
      .map(({ kind, key, status }) => ({ key, title: outside[kind].title(status.name), summary: `${outside[kind].sentence(status)} ${outside[kind].advice}` }))
  }

  async #follow(wanted: ReadonlyMap<string, Alarm>): Promise<void> {
    const { database, alarms } = this.#services
    const due = [...wanted.values()].filter(({ key }) => performance.now() - (this.#raised.get(key) || Number.NEGATIVE_INFINITY) > repeatMs)
    const over = [...this.#raised.keys()].filter(key => !wanted.has(key))
    if (due.length + over.length === 0) return
    await database.transaction(async tx => {
      for (const alarm of due) await alarms.raise(tx, alarm)
      for (const key of over) await alarms.resolve(tx, key)
    })
    for (const { key } of due) this.#raised.set(key, performance.now())
    for (const key of over) this.#raised.delete(key)
  }
}
