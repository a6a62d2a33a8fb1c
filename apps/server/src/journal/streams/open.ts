import { inArray } from 'drizzle-orm'
import { z } from 'zod'
import type { Alarms } from '../../kernel/alarms.ts'
import type { Config } from '../../kernel/config.ts'
import { receiverOf } from '../../kernel/receiver-address.ts'
import { readSetting, saveSetting } from '../../kernel/settings.ts'
import { look } from '../order.ts'
import { journalChannel } from '../record.ts'
import { journalCursors } from '../tables.ts'
import { streamSettings } from './settings.ts'
import { AuditStream, cursorOf, type StreamServices } from './stream.ts'

/** The receivers that the last start was configured with. */
const setting = 'audit-stream.receivers'

/** Every receiver that the configuration names, and those that it named at the last start: these are sent what there is up to that change. */
export class AuditStreams {
  readonly #addresses: readonly string[]
  readonly #secret: string
  readonly #services: StreamServices
  readonly #alarms: Alarms
  readonly #streams: readonly AuditStream[]
  #retired: readonly AuditStream[] = []

  constructor(config: Config, services: StreamServices, alarms: Alarms) {
    const { TOCSIN_AUDIT_STREAM: addresses, TOCSIN_AUDIT_STREAM_SECRET: secret = '' } = config.of(streamSettings)
    this.#addresses = addresses
    this.#secret = secret
    this.#services = services
    this.#alarms = alarms
    this.#streams = this.#open(addresses, 'the audit stream')
  }

  /** Those that the configuration names. */
  get all(): readonly AuditStream[] {
    return this.#streams
  }

  #open(addresses: readonly string[], name: string): AuditStream[] {
    const found = addresses.flatMap(address => {
      const receiver = receiverOf(address)
      return receiver === undefined || (receiver.kind === 'webhook' && this.#secret === '') ? [] : [{ address, receiver }]
    })
    return found.map(({ address, receiver }, at) => {
      const before = found.slice(0, at).filter(one => one.receiver.kind === receiver.kind).length
      return new AuditStream(
        { name: `${name} ${receiver.kind}${before === 0 ? '' : ` ${before + 1}`}`, address, receiver, secret: this.#secret },
        this.#services,
      )
    })
  }

  /** Begins to send: to a new receiver what is written from now on. It comes before the start of this server is recorded. */
  async start(): Promise<void> {
    const { database } = this.#services
    const { last } = await look(database.reader())
    const before = await database.transaction(async tx => {
      const given = (await readSetting(tx, setting, z.array(z.string()))) ?? []
      if (this.#addresses.length > 0)
        await tx.db
          .insert(journalCursors)
          .values(this.#addresses.map(address => ({ name: cursorOf(address), seq: last })))
          .onConflictDoNothing()
      return given
    })
    const removed = before.filter(address => !this.#addresses.includes(address))
    this.#retired = this.#open(removed, 'the former audit stream')
    const streams = [...this.#streams, ...this.#retired]
    if (streams.length === 0) return
    const rows = await database
      .reader()
      .db.select()
      .from(journalCursors)
      .where(
        inArray(
          journalCursors.name,
          streams.map(({ cursor }) => cursor),
        ),
      )
    const seqOf = new Map(rows.map(({ name, seq }) => [name, seq]))
    for (const stream of streams) stream.start(seqOf.get(stream.cursor) ?? last)
    database.listen(journalChannel, () => {
      for (const stream of streams) stream.wake()
    })
  }

  /**
   * The start is on record, and with it which settings have changed: receivers that are no longer named are sent that as the last thing, and the administrators
   * are paged.
   */
  async started(): Promise<void> {
    const { database } = this.#services
    const { last } = await look(database.reader())
    for (const stream of this.#retired) stream.endAt(last)
    await database.transaction(async tx => {
      const before = (await readSetting(tx, setting, z.array(z.string()))) ?? []
      const removed = before.filter(address => !this.#addresses.includes(address)).length
      if (removed > 0)
        await this.#alarms.raise(tx, {
          key: 'audit-stream-removed',
          title: `The audit log is no longer sent to ${removed === 1 ? 'a receiver' : `${removed} receivers`}`,
          summary: `TOCSIN_AUDIT_STREAM was changed before this start: ${this.#addresses.length === 0 ? 'the audit log is sent nowhere now' : `${this.#addresses.length} of the receivers are left or new`}. The entry of the setting in the audit log has the old and the new list. If nobody of you did this, somebody can change the configuration of the server.`,
        })
      await saveSetting(tx, setting, this.#addresses)
    })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#streams, ...this.#retired].map(stream => stream.stop()))
  }
}
