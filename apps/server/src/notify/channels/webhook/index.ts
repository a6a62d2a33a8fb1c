import { type Channel, keepUrl, newSigningSecret } from '../channel.ts'
import { sendWebhook } from './send.ts'

export const webhook: Channel = {
  open: config => (message, signal) => sendWebhook(message, config.mayReachPrivateWebhooks, signal),
  keepAddress: ({ address }) => ({ address: keepUrl(address).href, ...newSigningSecret() }),
  isAddressUrl: true,
}
