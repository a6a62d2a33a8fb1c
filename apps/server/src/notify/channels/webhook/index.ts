import { webhookReach } from '../../../kernel/outbound.ts'
import { type Channel, keepUrl, newSigningSecret } from '../channel.ts'
import { sendWebhook } from './send.ts'

export const webhook: Channel = {
  open: config => (message, signal) => sendWebhook(message, webhookReach(config), signal),
  keepAddress: ({ address }, _secrets, config) => ({ address: keepUrl(address, config).href, ...newSigningSecret() }),
  isAddressUrl: true,
}
