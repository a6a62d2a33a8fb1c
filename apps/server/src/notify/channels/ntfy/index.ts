import { webhookReach } from '../../../kernel/outbound.ts'
import { invalid } from '../../../kernel/problems.ts'
import { type Channel, keepUrl } from '../channel.ts'
import { sendNtfy } from './send.ts'

export const ntfy: Channel = {
  open: config => (message, signal) => sendNtfy(message, webhookReach(config), signal),
  keepAddress: ({ address }, _secrets, config) => {
    const url = keepUrl(address, config)
    if (!/^\/[A-Za-z0-9_-]{1,64}\/?$/.test(url.pathname)) throw invalid('address', 'must be the URL of a topic, such as https://ntfy.example/my-topic')
    return { address: url.href, secret: null }
  },
  isAddressUrl: true,
}
