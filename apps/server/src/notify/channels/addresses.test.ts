import { expect, test } from 'vitest'
import { readConfig } from '../../app/config.ts'
import { openSecrets } from '../../kernel/secrets.ts'
import { channels } from './index.ts'

const secrets = openSecrets('/nowhere', 'a-master-key-for-tests-'.repeat(2))
const config = readConfig({})
const keys = { p256dh: 'p', auth: 'a' }

test.for([
  ['email', 'person', 'Ada@Example.org', 'ada@example.org'],
  ['sms', 'person', '+49 (30) 12-34.56', '+4930123456'],
  ['voice', 'person', '+4930123456', '+4930123456'],
  ['slack', 'person', 'U012AB3CD', 'U012AB3CD'],
  ['slack', 'team', 'C012AB3CD', 'C012AB3CD'],
  ['ntfy', 'person', 'https://ntfy.example/ada-pages', 'https://ntfy.example/ada-pages'],
  ['webhook', 'team', 'https://hooks.example/x?y=1', 'https://hooks.example/x?y=1'],
  ['teams', 'team', 'https://workflow.example/x', 'https://workflow.example/x'],
  ['push', 'person', 'https://push.example/subscription', 'https://push.example/subscription'],
] as const)('%s keeps the address of a %s, %s, as %s', ([kind, of, address, kept]) => {
  expect(channels[kind].keepAddress({ of, address, keys }, secrets, config).address).toBe(kept)
})

test.for([
  ['email', 'person', 'nobody', 'address: must be an email address'],
  ['sms', 'person', '030 123', 'address: must be a phone number with country code'],
  ['sms', 'person', '+4930', 'address: must be a phone number with country code'],
  ['voice', 'person', 'tel:+4930123456', 'address: must be a phone number with country code'],
  ['slack', 'person', 'C012AB3CD', 'address: must be a member ID'],
  ['slack', 'team', 'U012AB3CD', 'address: must be a channel ID'],
  ['ntfy', 'person', 'https://ntfy.example/', 'address: must be the URL of a topic'],
  ['ntfy', 'person', 'https://ntfy.example/a/b', 'address: must be the URL of a topic'],
  ['webhook', 'person', 'ftp://hooks.example', 'address: '],
  ['webhook', 'team', 'http://hooks.example/x', 'address: must start with https://'],
  ['push', 'person', 'http://push.example/x', 'address: must start with https://'],
  ['teams', 'team', 'not a URL', 'address: '],
  ['teams-bot', 'person', 'nothing that the bot wrote', 'address: must be the address that the Microsoft Teams bot replies with'],
] as const)('%s refuses %s’s address %s, and says what would be right', ([kind, of, address, sentence]) => {
  expect(() => channels[kind].keepAddress({ of, address, keys }, secrets, config)).toThrow(sentence)
})

test('browser push needs the keys of the subscription, and keeps them secret', () => {
  const address = 'https://push.example/subscription'
  expect(() => channels.push.keepAddress({ of: 'person', address }, secrets, config)).toThrow('keys: are required')
  expect(channels.push.keepAddress({ of: 'person', address, keys }, secrets, config).secret).toBe(JSON.stringify(keys))
})

test('a webhook gets a secret of its own, shown once as Standard Webhooks writes it', () => {
  const keep = () => channels.webhook.keepAddress({ of: 'person', address: 'https://hooks.example/x' }, secrets, config)
  const { secret, shownSecret } = keep()
  expect(shownSecret).toBe(`whsec_${secret}`)
  expect(Buffer.from(secret ?? '', 'base64')).toHaveLength(24)
  expect(keep().secret).not.toBe(secret)
})
