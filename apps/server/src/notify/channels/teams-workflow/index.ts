import { webhookReach } from '../../../kernel/outbound.ts'
import { type Channel, keepUrl } from '../channel.ts'
import { sendTeams } from './send.ts'

export const teamsWorkflow: Channel = {
  open: config => (message, signal) => sendTeams(message, webhookReach(config), signal),
  keepAddress: ({ address }, _secrets, config) => ({ address: keepUrl(address, config).href, secret: null }),
  isAddressUrl: true,
}
