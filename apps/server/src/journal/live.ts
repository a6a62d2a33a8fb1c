import { Readable } from 'node:stream'
import type { Database } from '../kernel/database.ts'
import type { Log } from '../kernel/telemetry.ts'
import { look } from './order.ts'
import { readAfter } from './read.ts'
import { type Entry, journalChannel } from './record.ts'

/** What an open page is sent: what kind of thing changed, and which. Never content: the page asks for that, and is checked. */
interface Listener<Viewer> {
  readonly viewer: Viewer
  readonly stream: Readable
}

const most = 2_000
/** Of one caller: nobody takes the room of all others, and each stream costs a look for every entry that not everybody may see. */
const maxOfOne = 50
const restMs = 10
/** After a read that failed. */
const retryMs = 1_000
const beatMs = 20_000
/** A stream ends after this time, and the page connects again: also where nothing happens that it could be told of. */
const lifetimeMs = 300_000

interface Rules<Viewer> {
  /** Which of these entries a viewer may see; without one, those that everybody may. */
  visible(ids: readonly string[], viewer: Viewer | undefined): Promise<ReadonlySet<string>>
  /** Which of these viewers may no longer look. */
  left(viewers: readonly Viewer[]): Promise<ReadonlySet<Viewer>>
  /** The same for one caller in all their streams. */
  nameOf(viewer: Viewer): string | undefined
}

/** Tells open pages of new journal entries, as they are written. */
export class Live<Viewer = unknown> {
  readonly #database: Database
  readonly #log: Log
  readonly #rules: Rules<Viewer>
  readonly #listeners = new Set<Listener<Viewer>>()
  #cursor: number | undefined
  #isReading = false
  #isWoken = false
  #heartbeat: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(database: Database, log: Log, rules: Rules<Viewer>) {
    this.#database = database
    this.#log = log
    this.#rules = rules
  }

  /** Streams that are open now. */
  get streams(): number {
    return this.#listeners.size
  }

  async start(): Promise<void> {
    this.#cursor = (await look(this.#database.reader())).bound
    this.#database.listen(journalChannel, () => void this.#wake())
    this.#heartbeat = setInterval(() => this.#send('event: alive\ndata:\n\n'), beatMs)
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#heartbeat)
    for (const { stream } of this.#listeners) stream.push(null)
    this.#listeners.clear()
  }

  /** A stream of server-sent events for one viewer, or undefined when too many pages are open, or too many of theirs. */
  open(viewer: Viewer): Readable | undefined {
    if (this.#listeners.size >= most) return undefined
    const name = this.#rules.nameOf(viewer)
    const theirs = [...this.#listeners].filter(listener => this.#rules.nameOf(listener.viewer) === name)
    if (theirs.length >= maxOfOne) return undefined
    const stream = new Readable({ read() {} })
    const listener = { viewer, stream }
    this.#listeners.add(listener)
    const end = setTimeout(() => stream.push(null), lifetimeMs)
    stream.once('close', () => {
      clearTimeout(end)
      this.#listeners.delete(listener)
    })
    stream.push('retry: 1000\n: open\n\n')
    return stream
  }

  #send(text: string): void {
    for (const listener of this.#listeners) this.#push(listener, text)
  }

  #push(listener: Listener<Viewer>, text: string): void {
    // A page that does not read is evicted: its browser connects again.
    if (listener.stream.readableLength > 262_144) listener.stream.destroy()
    else listener.stream.push(text)
  }

  async #wake(): Promise<void> {
    this.#isWoken = true
    if (this.#isReading || this.#isStopped) return
    this.#isReading = true
    try {
      while (this.#isWoken && this.#cursor !== undefined) {
        // Under load many entries are told at once.
        await new Promise(resolve => setTimeout(resolve, restMs))
        this.#isWoken = false
        const read = await readAfter(this.#database.reader(), this.#cursor)
        await this.#tell(read.entries)
        // Only now: entries that could not be told are read again.
        this.#cursor = read.cursor
        if (read.isBehind) {
          if (read.entries.length === 0) await new Promise(resolve => setTimeout(resolve, 15))
          this.#isWoken = true
        }
      }
    } catch (error) {
      if (this.#isStopped) return
      this.#log.warn({ err: error }, 'the live stream could not read the journal; it tries again')
      setTimeout(() => void this.#wake(), retryMs).unref()
    } finally {
      this.#isReading = false
    }
  }

  async #endThoseWhoLeft(): Promise<void> {
    const left = await this.#rules.left([...this.#listeners].map(({ viewer }) => viewer))
    for (const listener of this.#listeners) {
      if (!left.has(listener.viewer)) continue
      this.#listeners.delete(listener)
      listener.stream.push(null)
    }
  }

  async #tell(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0 || this.#listeners.size === 0) return
    // Each time, in one question for all: a session or key also ends by time alone, which no entry tells.
    await this.#endThoseWhoLeft()
    const open = await this.#rules.visible(
      entries.map(entry => entry.id),
      undefined,
    )
    // Few entries are restricted: only about those, whoever listens is asked for, once in all their streams.
    const guarded = entries.flatMap(entry => (open.has(entry.id) ? [] : entry.id))
    const seen = new Map<string, ReadonlySet<string>>()
    for (const listener of this.#listeners) {
      const name = this.#rules.nameOf(listener.viewer)
      const known = name === undefined ? undefined : seen.get(name)
      const theirs = known ?? (guarded.length === 0 ? open : await this.#rules.visible(guarded, listener.viewer))
      if (name !== undefined) seen.set(name, theirs)
      for (const entry of entries) {
        if (!open.has(entry.id) && !theirs.has(entry.id)) continue
        this.#push(listener, `data: ${JSON.stringify({ type: entry.type, subject: entry.subject, within: entry.within })}\n\n`)
      }
    }
  }
}
