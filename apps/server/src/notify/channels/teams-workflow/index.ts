import { type Channel, keepUrl } from '../channel.ts'
import { sendTeams } from './send.ts'

export const teamsWorkflow: Channel = {
  open: config => (message, signal) => sendTeams(message, config.mayReachPrivateWebhooks, signal),
  keepAddress: ({ address }) => ({ address: keepUrl(address).href, secret: null }),
  isAddressUrl: true,
}
