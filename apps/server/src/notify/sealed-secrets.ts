import { sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { sealedColumn } from '../kernel/sealed-columns.ts'
import { contactMethods, messages, teamChannels } from './tables.ts'

/** As `channelSecretOf`. */
const belongsTo = (channel: PgColumn, address: PgColumn) => sql`'channel secret ' || ${channel} || ' ' || ${address}`

export const sealedMessageSecrets = sealedColumn(messages.id, messages.secret, belongsTo(messages.channel, messages.address))

/** What channels need to reach or convince their receivers. */
export const sealedChannelSecrets = [
  sealedColumn(contactMethods.id, contactMethods.secret, belongsTo(contactMethods.kind, contactMethods.address)),
  sealedColumn(teamChannels.id, teamChannels.secret, belongsTo(teamChannels.kind, teamChannels.address)),
  sealedMessageSecrets,
]
