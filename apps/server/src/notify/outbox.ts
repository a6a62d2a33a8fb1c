import { messageChannels } from '@tocsin/api'
import { and, eq, getTableColumns, inArray, isNull, sql } from 'drizzle-orm'
import { Counter, Histogram } from 'prom-client'
import { z } from 'zod'
import { everybody, type Visibility } from '../access/index.ts'
import { isOfExercise } from '../journal/index.ts'
import type { Alarms } from '../kernel/alarms.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import type { Run } from '../kernel/jobs/handlers.ts'
import { defineJob, escalationLane, type JobKind, type Lane } from '../kernel/jobs/lanes.ts'
import type { JobRunner } from '../kernel/jobs/runner.ts'
import { cancelWaiting, type NewJob, scheduleAll } from '../kernel/jobs/schedule.ts'
import {
  codePlaceholder,
  type DeliveryGuard,
  type DeliveryListener,
  exerciseMark,
  linkPlaceholder,
  type MessageChannel,
  type Messenger,
  type NewMessage,
  type PrivateLink,
  type Trouble,
  type TroubleListener,
} from '../kernel/messenger.ts'
import { sentenceWithReply, Undeliverable } from '../kernel/outbound.ts'
import { SealedValueDamaged, sealFor, unsealRow } from '../kernel/sealed-columns.ts'
import { type Secrets, signToken } from '../kernel/secrets.ts'
import { type Log, type Metrics, openGauge } from '../kernel/telemetry.ts'
import { storable } from '../kernel/text.ts'
import type { MailReport } from './channels/email/delivery-report.ts'
import { replyAddress, returnAddress } from './channels/email/inbox.ts'
import { hostOf, type OutboundMessage, openChannels, type Senders } from './channels/index.ts'
import { assertKnownPurpose, isForOutside } from './purposes.ts'
import { mayRead, neutral, recipientOf } from './restricted.ts'
import { messageCodes, messageSecrets } from './sealed-secrets.ts'
import { messages } from './tables.ts'

/** A message that its channel has not accepted after this time fails over to another. */
export const failoverSeconds = 15

/**
 * Each channel has a lane of its own, so that one that hangs holds up no other. An attempt may take as long as a message has before it fails over.
 * Channels whose addresses name a host share their places out among the hosts; the others go to the one server of their provider.
 */
function deliveryLane(channel: MessageChannel): Lane {
  const base = { name: `delivery:${channel}`, process: 'paging', deadlineSeconds: failoverSeconds } as const
  return hostOf(channel, 'https://host.example/') === '' ? { ...base, places: 48 } : { ...base, places: 64, placesPerDestination: 16 }
}

const Delivering = z.object({ messageId: z.uuid() })
type DeliveryJob = JobKind<z.output<typeof Delivering>>
const maxTogether = 1_000
const failoverJob = defineJob({
  kind: 'message.fail-over',
  lane: escalationLane,
  data: z.object({ messageIds: z.array(z.uuid()).max(maxTogether) }),
  isUrgent: true,
})

/** Writes messages and hands them to their channels. */
export class Outbox implements Messenger {
  readonly #config: Config
  readonly #secrets: Secrets
  readonly #visibility: Visibility
  readonly #alarms: Alarms
  readonly #counted: Counter<'channel' | 'state'>
  readonly #delay: Histogram
  readonly #senders: Senders
  readonly #deliveries: ReadonlyMap<MessageChannel, DeliveryJob>
  readonly #troubled = new Map<string, TroubleListener>()
  readonly #guards = new Map<string, DeliveryGuard>()
  readonly #listeners = new Map<string, DeliveryListener>()
  #origin = ''

  constructor(config: Config, secrets: Secrets, metrics: Metrics, jobs: JobRunner, database: Database, log: Log, visibility: Visibility, alarms: Alarms) {
    this.#config = config
    this.#secrets = secrets
    this.#visibility = visibility
    this.#alarms = alarms
    const registers = [metrics.registry]
    this.#counted = new Counter({
      name: 'tocsin_messages_total',
      help: 'Messages by channel and state, without those of exercises',
      labelNames: ['channel', 'state'],
      registers,
    })
    this.#delay = new Histogram({
      name: 'tocsin_message_delay_seconds',
      help: 'Time from creating a message until its channel accepted it',
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 30, 300],
      registers,
    })
    this.#senders = openChannels(config, secrets)
    this.#deliveries = new Map(
      messageChannels.map(channel => [channel, defineJob({ kind: `deliver.${channel}`, lane: deliveryLane(channel), data: Delivering })]),
    )
    for (const job of this.#deliveries.values())
      jobs.registerCall(job, {
        // About a day at a minute's distance: a mail server may be down for a night, and a notice must still leave.
        attempts: 1_500,
        before: ({ messageId }, run) => this.#deliver(database, messageId, run),
        runAll: (tx, all) =>
          this.#settle(
            tx,
            all.map(({ data, outcome }) => ({ messageId: data.messageId, ...outcome })),
          ),
        giveUp: async (tx, { messageId }, error) => {
          // The last attempt has stored what the other side said, which the error of the job leaves out.
          const [message] = await tx.db.select({ lastError: messages.lastError }).from(messages).where(eq(messages.id, messageId))
          const text = message?.lastError?.startsWith(error) ? message.lastError : error
          await this.#settle(tx, [{ messageId, state: 'failed', text }])
        },
      })
    jobs.register(failoverJob, {
      runAll: (tx, all) =>
        this.#inTrouble(
          tx,
          all.flatMap(({ messageIds }) => messageIds),
        ),
    })
    const gauge = { name: 'tocsin_messages_oldest_unsent_seconds', help: 'Age of the oldest unsent message, by channel', label: 'channel' }
    if (jobs.runs(escalationLane)) openGauge(metrics.registry, log, gauge, () => this.#oldestUnsent(database))
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

  /** True when mail servers can report what became of an email: there is an address for that, and a port where it is received. */
  get receivesBounces(): boolean {
    return this.isLive && returnAddress(this.#config, this.#secrets, '') !== undefined
  }

  /** True when this channel has what it needs. */
  has(channel: MessageChannel): boolean {
    return this.#senders.has(channel)
  }

  /**
   * Messages of this purpose are urgent: calls `listener`, once for each, when it was not accepted in {@link failoverSeconds}, failed a second time or was
   * rejected permanently: time to fail over.
   */
  onTrouble(purpose: string, listener: TroubleListener): void {
    this.#troubled.set(purpose, listener)
  }

  /** Asks `guard` before each attempt to hand a message of this purpose to its channel. */
  beforeDelivery(purpose: string, guard: DeliveryGuard): void {
    this.#guards.set(purpose, guard)
  }

  /** Calls `listener` with the delivery results of messages of this purpose. */
  onDelivery(purpose: string, listener: DeliveryListener): void {
    this.#listeners.set(purpose, listener)
  }

  /** The private link in full: for its recipient alone. */
  linkTo(link: PrivateLink): string {
    return `${this.#origin}${link.path}${signToken(this.#secrets, link.purpose, link.claims)}`
  }

  /** Puts a message in the outbox for immediate delivery; while its channel is not configured (no mail server) it is held, and everybody can see that it is. */
  async post(tx: Tx, message: NewMessage): Promise<string> {
    const id = newId()
    await this.postAll(tx, [{ ...message, id }])
    return id
  }

  /** Puts many messages in the outbox, each under its id: the one that every repetition carries. */
  async postAll(tx: Tx, all: readonly (NewMessage & { readonly id: string })[]): Promise<void> {
    if (all.length === 0) return
    for (const { purpose } of all) assertKnownPurpose(purpose)
    const rows = all.map(({ link, code, namedIds = [], ...rest }) => ({
      ...rest,
      code: code === undefined ? null : sealFor(this.#secrets, messageCodes, code, rest.id),
      namedIds: [...namedIds],
      linkPath: link ? `${link.purpose} ${link.path}` : null,
      linkClaims: link ? Object.fromEntries(link.claims.map((claim, at) => [String(at), claim])) : null,
      ...(rest.isExercise ? { subject: `${exerciseMark} ${rest.subject}`, body: `This is an exercise.\n\n${rest.body}` } : {}),
      state: !this.has(rest.channel) && rest.isDemo !== true ? ('held' as const) : ('queued' as const),
      createdAt: tx.now,
    }))
    await tx.db.insert(messages).values(rows)
    await this.#scheduleDeliveries(
      tx,
      rows.filter(row => row.state === 'queued'),
    )
  }

  /** Cancels what has not left yet of these purposes. What is just being handed over is not tried again, and has been sent if its channel accepts it. */
  async cancelUnsent(tx: Tx, purpose: string, purposeIds: readonly string[]): Promise<void> {
    if (purposeIds.length === 0) return
    const gone = await tx.db
      .update(messages)
      .set({ state: 'cancelled', code: null })
      .where(and(eq(messages.purpose, purpose), inArray(messages.purposeId, [...purposeIds]), inArray(messages.state, ['queued', 'held'])))
      .returning({ id: messages.id })
    await cancelWaiting(tx, ...gone.map(({ id }) => `deliver:${id}`))
  }

  /** Queues held messages once their channel is configured: they are sent, not forgotten. */
  async releaseHeld(tx: Tx): Promise<void> {
    const ready = messageChannels.filter(channel => this.has(channel))
    const held = await tx.db
      .update(messages)
      .set({ state: 'queued' })
      .where(and(eq(messages.state, 'held'), inArray(messages.channel, ready)))
      .returning({ id: messages.id, channel: messages.channel, address: messages.address, purpose: messages.purpose, isDemo: messages.isDemo })
    await this.#scheduleDeliveries(tx, held)
  }

  async #scheduleDeliveries(tx: Tx, queued: readonly Queued[]): Promise<void> {
    const deliveries = queued.flatMap(({ id, channel, address, purpose }): NewJob<z.output<typeof Delivering>>[] => {
      const kind = this.#deliveries.get(channel)
      return kind === undefined
        ? []
        : [{ kind, key: `deliver:${id}`, runAt: tx.now, data: { messageId: id }, destination: hostOf(channel, address), isUrgent: this.#troubled.has(purpose) }]
    })
    await scheduleAll(tx, deliveries)
    // One timer for all of them: most have left by then.
    const urgent = queued.flatMap(({ id, purpose, isDemo }) => (this.#troubled.has(purpose) && isDemo !== true ? [id] : []))
    for (let at = 0; at < urgent.length; at += maxTogether) {
      const messageIds = urgent.slice(at, at + maxTogether)
      const key = `fail-over:all:${messageIds[0]}`
      await scheduleAll(tx, [{ kind: failoverJob, key, runAt: addSeconds(tx.now, failoverSeconds), data: { messageIds } }])
    }
  }

  async #deliver(database: Database, messageId: string, { attempt, signal }: Run): Promise<Receipt> {
    const reader = database.reader()
    const [queued] = await reader.db
      .update(messages)
      .set({ attempts: sql`${messages.attempts} + 1` })
      .where(and(eq(messages.id, messageId), eq(messages.state, 'queued')))
      .returning({
        ...getTableColumns(messages),
        isRestricted: sql<boolean>`not ${mayRead(this.#visibility, everybody)}`,
        // Also where whoever wrote the message, or changed its row, left the mark out.
        isOfExercise: sql<boolean>`${messages.isExercise} or ${isOfExercise(sql`messages.within_id`, sql`messages.purpose_id`)}`,
      })
    const message = queued && (await this.#textFor(reader, queued))
    if (!message) return { state: 'failed', text: 'the message was deleted or canceled' }
    if (message.isOfExercise && isForOutside(message.purpose)) return this.#refuseExercise(database, message)
    const heldBack = await this.#guards.get(message.purpose)?.(message)
    if (heldBack !== undefined) return { state: 'failed', text: heldBack }
    // Nobody is behind a demo address: such a message is not sent, and its receipt says so.
    if (message.isDemo) return { state: 'sent', text: 'simulated; demo messages are not sent' }
    const { channel } = message
    try {
      const send = this.#senders.get(channel)
      if (!send) throw new Error(`${channel} is not configured`)
      return { state: 'sent', text: await send(this.#outboundMessageOf(reader, message), signal) }
    } catch (error) {
      const sentence = storable(sentenceWithReply(error), 500)
      if (error instanceof Undeliverable || error instanceof SealedValueDamaged) return { state: 'failed', text: sentence }
      await reader.db.update(messages).set({ lastError: sentence }).where(eq(messages.id, messageId))
      if (attempt === 1)
        await database.transaction(tx =>
          scheduleAll(tx, [{ kind: failoverJob, key: `fail-over:${messageId}`, runAt: tx.now, data: { messageIds: [messageId] } }]),
        )
      throw error
    }
  }

  /** Nothing of an exercise reaches a customer, an authority or the public, by whatever channel: that somebody tried is a fault. */
  async #refuseExercise(database: Database, { id, purpose, channel }: typeof messages.$inferSelect): Promise<Receipt> {
    await database.transaction(tx =>
      this.#alarms.raise(tx, {
        key: 'exercise-message',
        title: 'A message of an exercise to somebody outside was not sent',
        summary: `Message ${id} (${purpose}, ${channel}) belongs to an exercise and is for a customer, an authority or the public. It was not sent. Nothing of an exercise leaves the organization.`,
      }),
    )
    return { state: 'failed', text: 'not sent: it belongs to an exercise and is for somebody outside; the administrators are paged' }
  }

  /**
   * The message in the words that its recipient may read now: who may not see the incident, which may have been restricted since the message was written, gets
   * none of its text, and a suspect there gets nothing. What has a guard is for people outside, and its guard decides.
   */
  async #textFor(
    reader: Reader,
    { isRestricted, ...message }: typeof messages.$inferSelect & { readonly isRestricted: boolean; readonly isOfExercise: boolean },
  ) {
    if (!isRestricted || this.#guards.has(message.purpose)) return message
    const person = await recipientOf(reader, message)
    if (person && message.withinId !== null && (await this.#visibility.suspectsOf(reader, [message.withinId])).get(message.withinId)?.has(person.id))
      return undefined
    if (message.isNeutral) return message
    const viewer = person && ({ personId: person.id, role: person.role, needToKnow: 'own' } as const)
    const [found] = viewer
      ? await reader.db
          .select({ id: messages.id })
          .from(messages)
          .where(and(eq(messages.id, message.id), mayRead(this.#visibility, viewer)))
      : []
    if (found) return message
    const words = neutral(message)
    return { ...message, ...words, ...(message.isExercise ? { subject: `${exerciseMark} ${words.subject}` } : {}) }
  }

  /** Reports unsent messages to their trouble listeners, once for each. */
  async #inTrouble(tx: Tx, messageIds: readonly string[]): Promise<void> {
    const found = await tx.db
      .update(messages)
      .set({ troubledAt: tx.now })
      .where(and(inArray(messages.id, [...messageIds]), eq(messages.state, 'queued'), isNull(messages.troubledAt)))
      .returning()
    await this.#reportTrouble(
      tx,
      found.map(({ id, purpose, purposeId, channel, address, lastError }) => ({
        ...{ purpose, purposeId, channel, address, messageId: id },
        error: lastError ?? `not accepted within ${failoverSeconds} seconds`,
      })),
    )
  }

  async #reportTrouble(tx: Tx, troubles: readonly (Trouble & { readonly purpose: string })[]): Promise<void> {
    for (const [purpose, own] of Map.groupBy(troubles, one => one.purpose)) await this.#troubled.get(purpose)?.(tx, own)
  }

  /** Seconds since the oldest message of each channel was written that has not left; 0 where all have. */
  async #oldestUnsent(database: Database): Promise<[channel: string, seconds: number][]> {
    const reader = database.reader()
    const rows = await reader.db
      .select({ channel: messages.channel, at: sql<string>`min(${messages.createdAt})` })
      .from(messages)
      .where(inArray(messages.state, ['queued', 'held']))
      .groupBy(messages.channel)
    const oldest = new Map(rows.map(({ channel, at }) => [channel, (Date.parse(reader.now) - Date.parse(at)) / 1_000]))
    return messageChannels.map(channel => [channel, Math.max(0, oldest.get(channel) ?? 0)])
  }

  #outboundMessageOf(reader: Reader, message: typeof messages.$inferSelect): OutboundMessage {
    const link = this.#linkIn(message)
    const body = message.code === null ? message.body : message.body.replaceAll(codePlaceholder, this.#codeIn(reader, message, message.code))
    const text = link ? body.replaceAll(linkPlaceholder, link.url) : body
    return {
      id: message.id,
      address: message.address,
      purpose: message.purpose,
      purposeId: message.purposeId,
      subject: message.subject,
      text,
      brief: link?.purpose === 'page' ? withoutLink(message.body) : text,
      link,
      secret: message.secret === null ? undefined : this.#secretOf(reader, message, message.secret),
      origin: this.#origin,
      replyTo: link?.purpose === 'page' ? replyAddress(this.#config, this.#secrets, message.id) : undefined,
      returnTo: message.channel === 'email' ? returnAddress(this.#config, this.#secrets, message.id) : undefined,
      sentAt: Date.parse(reader.now),
    }
  }

  #secretOf(reader: Reader, { id, channel, address }: typeof messages.$inferSelect, sealed: string): string {
    const row = { id, sealed, owner: [channel, address] }
    return unsealRow(reader, this.#secrets, messageSecrets, row, 'The stored secret of this address cannot be read. Remove it and add it again.')
  }

  #codeIn(reader: Reader, { id }: typeof messages.$inferSelect, sealed: string): string {
    return unsealRow(reader, this.#secrets, messageCodes, { id, sealed }, 'The stored code cannot be read. Ask for another one.')
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

  /**
   * What became of a message after it was sent, as a server reports it. The worst of what is reported counts, each once: a mail that was delivered may be
   * returned by a server farther on. A report can be here before the sending is settled; then it settles it.
   */
  async report(tx: Tx, messageId: string, { action, text }: MailReport): Promise<void> {
    const [message] = await tx.db.select().from(messages).where(eq(messages.id, messageId)).for('update')
    const state = stateAfter[action]
    if (message?.state === 'queued' && state === 'bounced') return this.#settle(tx, [{ messageId, state: 'failed', text }])
    const before = message?.state === 'sent' && message.reportedAt !== null ? 'relayed' : (message?.state ?? '')
    if (message === undefined || !sentStates.includes(before) || sentStates.indexOf(before) >= sentStates.indexOf(state)) return
    const { channel, purpose, purposeId, address, troubledAt } = message
    const isTrouble = (state === 'bounced' || state === 'delayed') && troubledAt === null
    await tx.db
      .update(messages)
      .set({ state: state === 'relayed' ? 'sent' : state, report: storable(text, 500), reportedAt: tx.now, ...(isTrouble ? { troubledAt: tx.now } : {}) })
      .where(eq(messages.id, messageId))
    if (!message.isExercise) this.#counted.inc({ channel, state })
    const delivery = { messageId, channel, purpose, purposeId, address }
    if (isTrouble) await this.#reportTrouble(tx, [{ ...delivery, error: text }])
    await this.#listeners.get(purpose)?.(tx, [{ ...delivery, state, receipt: text }])
  }

  async #settle(tx: Tx, receipts: readonly (Receipt & { readonly messageId: string })[]): Promise<void> {
    const rows = receipts.map(({ messageId, state, text }) => sql`(${messageId}::uuid, ${state}, ${storable(text, 500)})`)
    const settled = await tx.db.execute<{
      id: string
      channel: MessageChannel
      purpose: string
      purposeId: string
      address: string
      createdAt: string
      isExercise: boolean
      troubledAt: string | null
      state: 'sent' | 'failed'
      text: string
    }>(sql`
      update messages set
        troubled_at = case when fresh.state = 'failed' then ${tx.now}::timestamptz else messages.troubled_at end,
        state = fresh.state,
        code = null,
        receipt = case when fresh.state = 'sent' then fresh.text else receipt end,
        sent_at = case when fresh.state = 'sent' then ${tx.now}::timestamptz else sent_at end,
        last_error = case when fresh.state = 'sent' then null else fresh.text end
      from (select fresh.*, old.troubled_at from (values ${sql.join(rows, sql`, `)}) as fresh (id, state, text) join messages as old using (id)) as fresh
      where messages.id = fresh.id and (messages.state = 'queued' or (messages.state = 'cancelled' and fresh.state = 'sent'))
      returning messages.id, fresh.troubled_at as "troubledAt", channel, purpose, purpose_id as "purposeId", address, messages.created_at as "createdAt", messages.is_exercise as "isExercise", fresh.state, fresh.text`)
    for (const { channel, state, createdAt, isExercise } of settled.rows) {
      if (isExercise) continue
      this.#counted.inc({ channel, state })
      if (state === 'sent') this.#delay.observe(Math.max(0, (Date.parse(tx.now) - Date.parse(createdAt)) / 1_000))
    }
    // Permanently rejected: fails over, unless it already has.
    await this.#reportTrouble(
      tx,
      settled.rows.flatMap(({ id, state, text, troubledAt, isExercise: _, ...one }) =>
        state === 'failed' && troubledAt === null ? [{ ...one, messageId: id, error: text }] : [],
      ),
    )
    for (const [purpose, own] of Map.groupBy(settled.rows, one => one.purpose))
      await this.#listeners.get(purpose)?.(
        tx,
        own.map(({ id, text, ...one }) => ({ ...one, messageId: id, receipt: text })),
      )
  }
}

/** What is known of a message that was sent, in the order in which one state follows another. */
const sentStates: readonly string[] = ['sent', 'relayed', 'delayed', 'delivered', 'bounced']
const stateAfter = { relayed: 'relayed', expanded: 'relayed', delayed: 'delayed', delivered: 'delivered', failed: 'bounced' } as const

const withoutLink = (body: string) =>
  body
    .split('\n\n')
    .filter(paragraph => !paragraph.includes(linkPlaceholder))
    .join('\n\n')

/** What the job of a delivery is made from. */
interface Queued {
  readonly id: string
  readonly channel: MessageChannel
  readonly address: string
  readonly purpose: string
  readonly isDemo?: boolean
}

interface Receipt {
  readonly state: 'sent' | 'failed'
  readonly text: string
}
