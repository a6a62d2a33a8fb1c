import { invalid } from '../../../kernel/problems.ts'
import type { Channel } from '../channel.ts'
import { openTeamsConversation } from './conversation.ts'
import { mountTeamsBot } from './receive.ts'
import { openTeamsBot } from './send.ts'
import { teamsSettings } from './settings.ts'

export const teamsBot: Channel = {
  settings: teamsSettings,
  open: openTeamsBot,
  keepAddress: ({ of, address }, secrets) => {
    const { conversation, isAlone } = openTeamsConversation(secrets, address)
    if (of === 'person' && !isAlone) throw invalid('address', 'is the address of a channel. Send “connect” to the bot in a direct chat')
    if (of === 'team' && isAlone) throw invalid('address', 'is the address of a direct chat. Mention the bot in the channel and send “connect” there')
    return { address: conversation.id, secret: JSON.stringify(conversation), name: conversation.name }
  },
  mount: mountTeamsBot,
  identifiesPeople: true,
}
