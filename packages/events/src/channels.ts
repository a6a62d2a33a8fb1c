/**
 * The ways that a message can leave: what people call each, whose addresses it takes, and what an address looks like, where that is not a URL. A new one
 * begins here. None is ever taken away: entries of the journal name them.
 */
export const channels = {
  email: { name: 'email', of: ['person'], example: { person: 'you@example.org' } },
  push: { name: 'browser push', of: ['person'] },
  sms: { name: 'SMS', of: ['person'], example: { person: '+49 30 123456' } },
  voice: { name: 'phone call', of: ['person'], example: { person: '+49 30 123456' } },
  slack: { name: 'Slack', of: ['person', 'team'], example: { person: 'Member ID, such as U012AB3CD', team: 'Channel ID, such as C012AB3CD' } },
  'teams-bot': {
    name: 'Microsoft Teams',
    of: ['person', 'team'],
    example: { person: 'Message “connect” to the bot; its button fills this in', team: 'The bot’s answer to “connect” there' },
  },
  teams: { name: 'Teams workflow', of: ['team'] },
  ntfy: { name: 'ntfy', of: ['person', 'team'], example: { person: 'https://ntfy.example/your-topic', team: 'https://ntfy.example/your-topic' } },
  webhook: { name: 'webhook', of: ['person', 'team'] },
} as const satisfies Record<string, { name: string; of: readonly Addressee[]; example?: Partial<Record<Addressee, string>> }>

/** Whose address it is: that of a person, or that of a team's channel. */
export type Addressee = 'person' | 'team'
export type Channel = keyof typeof channels
type ChannelOf<Whose extends Addressee> = { [Kind in Channel]: Whose extends (typeof channels)[Kind]['of'][number] ? Kind : never }[Channel]

/** Every channel. */
export const messageChannels = Object.keys(channels) as [Channel, ...Channel[]]

/** The channels that take addresses of people, or those of teams' channels. */
export const channelsOf = <Whose extends Addressee>(whose: Whose): [ChannelOf<Whose>, ...ChannelOf<Whose>[]] =>
  // The type says of each channel what the filter finds.
  messageChannels.filter(channel => channels[channel].of.some(of => of === whose)) as [ChannelOf<Whose>, ...ChannelOf<Whose>[]]

export const channelName = (channel: Channel): string => channels[channel].name

/** What an address looks like, for a form. */
export function addressExample(channel: Channel, whose: Addressee): string {
  const { example }: { name: string; example?: Partial<Record<Addressee, string>> } = channels[channel]
  return example?.[whose] ?? 'https://…'
}
