import type { Config } from '../config.ts'
import type { Secrets } from '../secrets.ts'
import type { MessageChannel } from '../tables.ts'
import { openEmail } from './email.ts'
import type { Send } from './letter.ts'
import { sendNtfy } from './ntfy.ts'
import { openPush } from './push.ts'
import { openSlack } from './slack.ts'
import { sendTeams } from './teams.ts'
import { openTeamsBot } from './teams-bot.ts'
import { openTwilio } from './twilio.ts'
import { sendWebhook } from './webhook.ts'

export { type Letter, roomPurpose } from './letter.ts'
export { pushKey } from './push.ts'
export { TeamsPlace, teamsPlacePurpose } from './teams-bot.ts'

const openedByAddress: ReadonlySet<MessageChannel> = new Set(['push', 'teams', 'ntfy', 'webhook'])

/** An address as others may see it: whoever knows that of a subscription, a workflow, a topic or a webhook can write there, so that of these the host is shown. */
export function shownAddress(channel: MessageChannel, address: string): string {
  return openedByAddress.has(channel) && URL.canParse(address) ? new URL(address).host : address
}

/** The ways that messages can leave; without what it needs (a mail server, an account) a channel is undefined. */
export type Channels = Readonly<Record<MessageChannel, Send | undefined>>

export function openChannels(config: Config, secrets: Secrets): Channels {
  return {
    email: openEmail(config),
    push: openPush(config, secrets),
    ...openTwilio(config),
    slack: openSlack(config),
    'teams-bot': openTeamsBot(config),
    teams: letter => sendTeams(letter, config.mayReachPrivateWebhooks),
    ntfy: letter => sendNtfy(letter, config.mayReachPrivateWebhooks),
    webhook: letter => sendWebhook(letter, config.mayReachPrivateWebhooks),
  }
}
