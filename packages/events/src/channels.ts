/** The ways that a message can leave, and what people call each. None is ever taken away: entries of the journal name them. */
export const channelNames = {
  email: 'email',
  push: 'browser push',
  sms: 'SMS',
  voice: 'phone call',
  slack: 'Slack',
  'teams-bot': 'Microsoft Teams',
  teams: 'Teams workflow',
  ntfy: 'ntfy',
  webhook: 'webhook',
} as const
