import { channelName, messageChannels } from '@tocsin/api'
import { and, eq, gt, gte, lt, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Alarms } from '../kernel/alarms.ts'
import { addSeconds } from '../kernel/clock.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import type { Finding } from '../kernel/finding.ts'
import { clocksLane, defineJob } from '../kernel/jobs/lanes.ts'
import type { MessageChannel } from '../kernel/messenger.ts'
import { messages } from './tables.ts'

/** A message that waits for longer was not taken at the first attempts. */
const stalledSeconds = 60
/** So many messages that were rejected for good, within so long, are no single wrong address: a token was revoked, an account closed. */
const maxRejected = 3
const rejectedSeconds = 86_400
const alarmKey = (channel: MessageChannel) => `channel:${channel}`

/** Checks every minute whether each channel delivers, and pages the administrators about one that does not. */
export const stalledChannelsJob = defineJob({ kind: 'notify.stalled-channels', lane: clocksLane, data: z.object({}) })

export interface StalledChannel {
  readonly channel: MessageChannel
  /** For how long it has delivered nothing, in seconds: since the oldest message was written that waits or was rejected. */
  readonly seconds: number
}

/**
 * Channels that deliver nothing: a message has waited for more than a minute, or three were rejected within a day, and none that was written after it
 * has left. One address that refuses its messages, while others are reached, is no stalled channel.
 */
export async function stalledChannels(reader: Reader): Promise<StalledChannel[]> {
  const at = sql<string>`min(${messages.createdAt})`.as('at')
  // One that left later shows that the channel worked then: what waits or was rejected before it says nothing about now.
  const isLatest = sql`not exists (select 1 from ${messages} later where later.channel = ${messages.channel} and later.state = 'sent' and later.created_at >= ${messages.createdAt})`
  const waiting = reader.db
    .select({ channel: messages.channel, at })
    .from(messages)
    .where(and(eq(messages.state, 'queued'), lt(messages.createdAt, addSeconds(reader.now, -stalledSeconds)), isLatest))
    .groupBy(messages.channel)
  const rejected = reader.db
    .select({ channel: messages.channel, at })
    .from(messages)
    .where(and(eq(messages.state, 'failed'), gt(messages.createdAt, addSeconds(reader.now, -rejectedSeconds)), isLatest))
    .groupBy(messages.channel)
    .having(gte(sql`count(*)`, maxRejected))
  const oldest = waiting.unionAll(rejected).as('oldest')
  const rows = await reader.db
    .select({ channel: oldest.channel, at: sql<string>`min(${oldest.at})` })
    .from(oldest)
    .groupBy(oldest.channel)
    .orderBy(oldest.channel)
  return rows.map(({ channel, at }) => ({ channel, seconds: Math.round((Date.parse(reader.now) - Date.parse(at)) / 1_000) }))
}

/** What `/readyz` says about them. */
export async function deliveryHealth(reader: Reader): Promise<Finding | undefined> {
  const stalled = await stalledChannels(reader)
  const held = await reader.db.selectDistinct({ channel: messages.channel }).from(messages).where(eq(messages.state, 'held')).orderBy(messages.channel)
  const names = stalled.map(({ channel, seconds }) => `${channelName(channel)} (for ${seconds} s)`).join(', ')
  const sentences = [
    ...(stalled.length === 0 ? [] : [`Messages are not delivered by ${names}.`]),
    ...(held.length === 0 ? [] : [`Messages by ${held.map(({ channel }) => channelName(channel)).join(', ')} are held until the channel is configured.`]),
  ]
  return sentences.length === 0 ? undefined : { severity: 'degraded', detail: sentences.join(' ') }
}

/** Pages the administrators, by whatever channel works, about each channel that delivers nothing; resolves the page when it delivers again. */
export async function auditChannels(tx: Tx, alarms: Alarms): Promise<void> {
  const stalled = new Map((await stalledChannels(tx)).map(one => [one.channel, one]))
  for (const channel of messageChannels) {
    const found = stalled.get(channel)
    if (found === undefined) await alarms.resolve(tx, alarmKey(channel))
    else
      await alarms.raise(tx, {
        key: alarmKey(channel),
        title: `Messages by ${channelName(channel)} are not delivered`,
        summary: `No message by ${channelName(channel)} has been accepted for ${found.seconds} seconds. Pages use the next contact method of each person. Check the settings of the channel and its provider; the message log shows the error.`,
      })
  }
}
