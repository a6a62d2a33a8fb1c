import { sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { sealedColumn } from '../kernel/sealed-columns.ts'
import { contactMethods, messages, teamChannels } from './tables.ts'

/** As `channelSecretOf`. */
const belongsTo = (channel: PgColumn, address: PgColumn) => sql`'channel secret ' || ${channel} || ' ' || ${address}`

export const sealedMessageSecrets = sealedColumn(messages.id, messages.secret, belongsTo(messages.channel, messages.address))

/** What the sealed code of a message belongs to. */
export const codeOf = (messageId: string) => `message code ${messageId}`
export const sealedMessageCodes = sealedColumn(messages.id, messages.code, sql`'message code ' || ${messages.id}`)

/** What channels need to reach or convince their receivers, and codes that are on their way to them. */
export const sealedChannelSecrets = [
  sealedColumn(contactMethods.id, contactMethods.secret, belongsTo(contactMethods.kind, contactMethods.address)),
  sealedColumn(teamChannels.id, teamChannels.secret, belongsTo(teamChannels.kind, teamChannels.address)),
  sealedMessageSecrets,
  sealedMessageCodes,
]
