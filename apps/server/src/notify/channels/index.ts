import { messageChannels } from '@tocsin/api'
import type { Config, SettingsPart } from '../../kernel/config.ts'
import type { MessageChannel } from '../../kernel/messenger.ts'
import type { Secrets } from '../../kernel/secrets.ts'
import type { Channel, Send } from './channel.ts'
import { email } from './email/index.ts'
import { ntfy } from './ntfy/index.ts'
import { push } from './push/index.ts'
import { slack } from './slack/index.ts'
import { teamsBot } from './teams-bot/index.ts'
import { teamsWorkflow } from './teams-workflow/index.ts'
import { sms, voice } from './twilio/index.ts'
import { webhook } from './webhook/index.ts'

export { type OutboundMessage, teamChannelPurpose } from './channel.ts'
export { pushKey } from './push/index.ts'

/** Every channel: each is a folder here. */
export const channels: Readonly<Record<MessageChannel, Channel>> = {
  email,
  push,
  sms,
  voice,
  slack,
  'teams-bot': teamsBot,
  teams: teamsWorkflow,
  ntfy,
  webhook,
}

/** The settings of all channels, each once. */
export const channelSettings: readonly SettingsPart[] = [...new Set(Object.values(channels).flatMap(({ settings }) => settings ?? []))]

/** True where a channel says who pressed a button, also in a channel of a team. */
export const identifiesPeople = (channel: MessageChannel): boolean => channels[channel].identifiesPeople === true

/** The host that a message goes to, where the address names it; empty where all of a channel go to the one server of its provider. */
export function hostOf(channel: MessageChannel, address: string): string {
  return channels[channel].isAddressUrl && URL.canParse(address) ? new URL(address).host : ''
}

/** An address as others may see it: whoever knows that of a subscription, a workflow, a topic or a webhook can write there, so that of these the host is shown. */
export function shownAddress(channel: MessageChannel, address: string): string {
  return hostOf(channel, address) || address
}

/** Those that are configured, opened to send. */
export type Senders = ReadonlyMap<MessageChannel, Send>

export function openChannels(config: Config, secrets: Secrets): Senders {
  return new Map(
    messageChannels.flatMap(channel => {
      const send = channels[channel].open(config, secrets)
      return send === undefined ? [] : [[channel, send] as const]
    }),
  )
}
