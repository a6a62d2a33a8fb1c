import { invalid } from '../../../kernel/problems.ts'
import { type Channel, keepUrl } from '../channel.ts'
import { sendNtfy } from './send.ts'

export const ntfy: Channel = {
  open: config => (message, signal) => sendNtfy(message, config.mayReachPrivateWebhooks, signal),
  keepAddress: ({ address }) => {
    const url = keepUrl(address)
    if (!/^\/[A-Za-z0-9_-]{1,64}\/?$/.test(url.pathname)) throw invalid('address', 'must be the URL of a topic, such as https://ntfy.example/my-topic')
    return { address: url.href, secret: null }
  },
  isAddressUrl: true,
}
