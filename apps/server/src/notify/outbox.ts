import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Config } from '../kernel/config.ts'
import type { Database, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { cancel, type JobRunner, scheduleAll } from '../kernel/jobs.ts'
import {
  type DeliveryListener,
  linkPlaceholder,
  type MessageChannel,
  type Messenger,
  type NewMessage,
  type PrivateLink,
  type TroubleListener,
} from '../kernel/messenger.ts'
import { Undeliverable } from '../kernel/outbound.ts'
import { type Secrets, signToken } from '../kernel/secrets.ts'
import type { Metrics } from '../kernel/telemetry.ts'
import { replyAddress } from './channels/email/inbox.ts'
import { type Channels, type OutboundMessage, openChannels } from './channels/index.ts'
import { messages } from './tables.ts'

/** Writes messages and hands them to their channels. */
export class Outbox implements Messenger {
  readonly #config: Config
  readonly #secrets: Secrets
  readonly #metrics: Metrics
  readonly #channels: Channels
  readonly #troubled = new Map<string, TroubleListener>()
  readonly #hearers = new Map<string, DeliveryListener>()
  #origin = ''

  constructor(config: Config, secrets: Secrets, metrics: Metrics, jobs: JobRunner, database: Database) {
    this.#config = config
    this.#secrets = secrets
    this.#metrics = metrics
    this.#channels = openChannels(config, secrets)
    jobs.register<{ messageId: string }, Receipt>('deliver', {
      // About a day at a minute's distance: a mail server may be down for a night, and a notice must still leave.
      attempts: 1_500,
      before: async ({ messageId }, attempt) => this.#deliver(database, messageId, attempt),
      runAll: async (tx, all) =>
        this.#settle(
          tx,
          all.map(({ data, outcome }) => ({ messageId: data.messageId, ...outcome })),
        ),
      giveUp: async (tx, { messageId }, error) => this.#settle(tx, [{ messageId, state: 'failed', text: error }]),
    })
  }

  /** The origin that links start with: as configured, or where the server listens. */
  set origin(origin: string) {
    this.#origin = origin
  }

  get origin(): string {
    return this.#origin
  }

  /** True when a mail server is configured, so that pages reach people. */
  get isLive(): boolean {
    return this.has('email')
  }

  /** True when this channel has what it needs. */
  has(channel: MessageChannel): boolean {
    return this.#channels[channel] !== undefined
  }

  /** Calls `hear`, in a transaction of its own, when a message of this purpose fails a second time or for good: time to try another way. */
  onTrouble(purpose: string, hear: TroubleListener): void {
    this.#troubled.set(purpose, hear)
  }

  /** Tells `hearer` how messages of this purpose went. */
  onDelivery(purpose: string, hearer: DeliveryListener): void {
    this.#hearers.set(purpose, hearer)
  }

  /** The private link in full: for its holder alone. */
  linkTo(link: PrivateLink): string {
    return `${this.#origin}${link.path}${signToken(this.#secrets, link.purpose, link.claims)}`
  }

  /** Puts a message in the outbox, to leave at once; what its channel cannot send yet (no mail server) is held, and everybody can see that it is. */
  async post(tx: Tx, message: NewMessage): Promise<string> {
    const id = newId()
    await this.postAll(tx, [{ ...message, id }])
    return id
  }

  /** Puts many messages in the outbox, each under its id: the one that every repetition carries. */
  async postAll(tx: Tx, all: readonly (NewMessage & { readonly id: string })[]): Promise<void> {
    if (all.length === 0) return
    const rows = all.map(({ link, ...rest }) => ({
      ...rest,
      linkPath: link ? `${link.purpose} ${link.path}` : null,
      linkClaims: link ? Object.fromEntries(link.claims.map((claim, at) => [String(at), claim])) : null,
      state: !this.has(rest.channel) && rest.isDemo !== true ? ('held' as const) : ('queued' as const),
      createdAt: tx.now,
    }))
    await tx.db.insert(messages).values(rows)
    const queued = rows.filter(row => row.state === 'queued')
    await scheduleAll(
      tx,
      queued.map(({ id }) => ({ kind: 'deliver', key: `deliver:${id}`, runAt: tx.now, data: { messageId: id } })),
    )
  }

  /** Cancels what has not left yet of these purposes. */
  async cancelUnsent(tx: Tx, purpose: string, purposeIds: readonly string[]): Promise<void> {
    if (purposeIds.length === 0) return
    const gone = await tx.db
      .update(messages)
      .set({ state: 'cancelled' })
      .where(and(eq(messages.purpose, purpose), inArray(messages.purposeId, [...purposeIds]), inArray(messages.state, ['queued', 'held'])))
      .returning({ id: messages.id })
    await cancel(tx, ...gone.map(({ id }) => `deliver:${id}`))
  }

  /** Lets held messages go once their channel is configured: what was waiting is sent, not forgotten. */
  async releaseHeld(tx: Tx): Promise<void> {
    const ready = (Object.keys(this.#channels) as MessageChannel[]).filter(channel => this.has(channel))
    const held = await tx.db
      .update(messages)
      .set({ state: 'queued' })
      .where(and(eq(messages.state, 'held'), inArray(messages.channel, ready)))
      .returning({ id: messages.id })
    await scheduleAll(
      tx,
      held.map(({ id }) => ({ kind: 'deliver', key: `deliver:${id}`, runAt: tx.now, data: { messageId: id } })),
    )
  }

  async #deliver(database: Database, messageId: string, attempt: number): Promise<Receipt> {
    const reader = database.reader()
    const [message] = await reader.db
      .update(messages)
      .set({ attempts: sql`${messages.attempts} + 1` })
      .where(and(eq(messages.id, messageId), eq(messages.state, 'queued')))
      .returning()
    if (!message) return { state: 'failed', text: 'the message is gone' }
    // Nobody is behind a demo address: such a message goes no further than the outbox, and its receipt says so.
    if (message.isDemo) return { state: 'sent', text: 'demo: shown in the outbox, sent to nobody' }
    const { channel, purpose, purposeId, address } = message
    const hear = this.#troubled.get(purpose)
    const inTrouble = async (error: string) => {
      if (hear) await database.transaction(tx => hear(tx, { messageId, purposeId, channel, address, error }))
    }
    try {
      const send = this.#channels[channel]
      if (!send) throw new Error(`nothing is configured to send by ${channel}`)
      return { state: 'sent', text: await send(this.#outboundMessageOf(message, Date.parse(reader.now))) }
    } catch (error) {
      const sentence = (error instanceof Error ? error.message : String(error)).slice(0, 500)
      if (error instanceof Undeliverable) {
        await inTrouble(sentence)
        return { state: 'failed', text: sentence }
      }
      await reader.db.update(messages).set({ lastError: sentence }).where(eq(messages.id, messageId))
      if (attempt === 1) await inTrouble(sentence)
      throw error
    }
  }

  #outboundMessageOf(message: typeof messages.$inferSelect, sentAt: number): OutboundMessage {
    const link = this.#linkIn(message)
    const text = link ? message.body.replaceAll(linkPlaceholder, link.url) : message.body
    return {
      id: message.id,
      address: message.address,
      purpose: message.purpose,
      purposeId: message.purposeId,
      subject: message.subject,
      text,
      brief: link?.purpose === 'page' ? withoutLink(message.body) : text,
      link,
      secret: message.secret === null ? undefined : this.#secrets.unseal(message.secret),
      origin: this.#origin,
      replyTo: link?.purpose === 'page' ? replyAddress(this.#config, this.#secrets, message.id) : undefined,
      sentAt,
    }
  }

  #linkIn(message: typeof messages.$inferSelect): OutboundMessage['link'] {
    if (!message.linkPath || !message.linkClaims) return undefined
    const [purpose = '', path = ''] = message.linkPath.split(' ')
    const claims = Object.entries(message.linkClaims)
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, claim]) => claim)
    const token = signToken(this.#secrets, purpose, claims)
    return { purpose, token, url: `${this.#origin}${path}${token}` }
  }

  async #settle(tx: Tx, receipts: readonly (Receipt & { readonly messageId: string })[]): Promise<void> {
    const rows = receipts.map(({ messageId, state, text }) => sql`(${messageId}::uuid, ${state}, ${text.slice(0, 500)})`)
    const settled = await tx.db.execute<{
      id: string
      channel: MessageChannel
      purpose: string
      purposeId: string
      address: string
      createdAt: string
      state: 'sent' | 'failed'
      text: string
    }>(sql`
      update messages set
        state = fresh.state,
        receipt = case when fresh.state = 'sent' then fresh.text else receipt end,
        sent_at = case when fresh.state = 'sent' then ${tx.now}::timestamptz else sent_at end,
        last_error = case when fresh.state = 'sent' then null else fresh.text end
      from (values ${sql.join(rows, sql`, `)}) as fresh (id, state, text)
      where messages.id = fresh.id and messages.state = 'queued'
      returning messages.id, channel, purpose, purpose_id as "purposeId", address, messages.created_at as "createdAt", fresh.state, fresh.text`)
    for (const { channel, state, createdAt } of settled.rows) {
      this.#metrics.messages.inc({ channel, state })
      if (state === 'sent') this.#metrics.pageDelay.observe(Math.max(0, (Date.parse(tx.now) - Date.parse(createdAt)) / 1_000))
    }
    for (const [purpose, own] of Map.groupBy(settled.rows, one => one.purpose))
      await this.#hearers.get(purpose)?.(
        tx,
        own.map(({ id, text, ...one }) => ({ ...one, messageId: id, receipt: text })),
      )
  }
}

const withoutLink = (body: string) =>
  body
    .split('\n\n')
    .filter(paragraph => !paragraph.includes(linkPlaceholder))
    .join('\n\n')

interface Receipt {
  readonly state: 'sent' | 'failed'
  readonly text: string
}
