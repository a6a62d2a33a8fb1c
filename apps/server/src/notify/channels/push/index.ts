import { invalid } from '../../../kernel/problems.ts'
import { type Channel, keepUrl } from '../channel.ts'
import { openPush, PushKeys } from './send.ts'

export { pushKey } from './send.ts'

export const push: Channel = {
  open: openPush,
  keepAddress: ({ address, keys }, _secrets, config) => {
    const parsed = PushKeys.safeParse(keys)
    if (!parsed.success) throw invalid('keys', 'are required for push. The browser provides them with its subscription')
    return { address: keepUrl(address, config).href, secret: JSON.stringify(parsed.data) }
  },
  isAddressUrl: true,
}
