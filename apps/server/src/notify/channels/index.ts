import type { Config } from '../../kernel/config.ts'
import type { MessageChannel } from '../../kernel/messenger.ts'
import type { Secrets } from '../../kernel/secrets.ts'
import type { Send } from './channel.ts'
import { openEmail } from './email/send.ts'
import { sendNtfy } from './ntfy/send.ts'
import { openPush } from './push/send.ts'
import { openSlack } from './slack/send.ts'
import { openTeamsBot } from './teams-bot/send.ts'
import { sendTeams } from './teams-workflow/send.ts'
import { openTwilio } from './twilio/send.ts'
import { sendWebhook } from './webhook/send.ts'

export { type OutboundMessage, teamChannelPurpose } from './channel.ts'
export { pushKey } from './push/send.ts'
export { TeamsConversation, teamsConversationPurpose } from './teams-bot/send.ts'

const openedByAddress: ReadonlySet<MessageChannel> = new Set(['push', 'teams', 'ntfy', 'webhook'])

/** The host that a message goes to, where the address names it; empty where all of a channel go to the one server of its provider. */
export function hostOf(channel: MessageChannel, address: string): string {
  return openedByAddress.has(channel) && URL.canParse(address) ? new URL(address).host : ''
}

/** An address as others may see it: whoever knows that of a subscription, a workflow, a topic or a webhook can write there, so that of these the host is shown. */
export function shownAddress(channel: MessageChannel, address: string): string {
  return hostOf(channel, address) || address
}

/** The channels that can send messages; a channel that is not configured (no mail server, no account) is undefined. */
export type Channels = Readonly<Record<MessageChannel, Send | undefined>>

export function openChannels(config: Config, secrets: Secrets): Channels {
  return {
    email: openEmail(config),
    push: openPush(config, secrets),
    ...openTwilio(config),
    slack: openSlack(config),
    'teams-bot': openTeamsBot(config),
    teams: (message, signal) => sendTeams(message, config.mayReachPrivateWebhooks, signal),
    ntfy: (message, signal) => sendNtfy(message, config.mayReachPrivateWebhooks, signal),
    webhook: (message, signal) => sendWebhook(message, config.mayReachPrivateWebhooks, signal),
  }
}
