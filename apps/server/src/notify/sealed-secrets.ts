import { sealedColumn } from '../kernel/sealed-columns.ts'
import { contactMethods, messages, teamChannels } from './tables.ts'

// What a channel needs to reach or convince a receiver belongs to the address, whether a person, a team or a message has it.
const words = 'channel secret'

export const contactSecrets = sealedColumn(contactMethods.id, contactMethods.secret, words, [contactMethods.kind, contactMethods.address])
export const teamChannelSecrets = sealedColumn(teamChannels.id, teamChannels.secret, words, [teamChannels.kind, teamChannels.address])
export const messageSecrets = sealedColumn(messages.id, messages.secret, words, [messages.channel, messages.address])

/** Codes that are on their way to their receivers. */
export const messageCodes = sealedColumn(messages.id, messages.code, 'message code')
