import type { ContactMethod } from '@tocsin/api'

export const kindWords: Record<ContactMethod['kind'], string> = {
  email: 'Email',
  push: 'This browser',
  sms: 'SMS',
  voice: 'Call',
  slack: 'Slack',
  'teams-bot': 'Microsoft Teams',
  ntfy: 'ntfy',
  webhook: 'Webhook',
}

export const nameOf = (method: ContactMethod) => `${method.kind === 'push' ? 'Browser' : kindWords[method.kind]}, ${method.label || method.address}`
