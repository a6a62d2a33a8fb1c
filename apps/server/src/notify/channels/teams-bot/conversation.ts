import { invalid } from '../../../kernel/problems.ts'
import { openToken, type Secrets } from '../../../kernel/secrets.ts'
import { TeamsConversation, teamsConversationPurpose } from '../index.ts'

/** The place in Microsoft Teams behind an address that the bot told somebody. @throws AppProblem invalid for one that it did not tell */
export function openTeamsConversation(secrets: Secrets, address: string): { readonly conversation: TeamsConversation; readonly isAlone: boolean } {
  const [claim] = openToken(secrets, teamsConversationPurpose, address) ?? []
  if (claim === undefined) throw invalid('address', 'must be what the bot in Microsoft Teams answers when you write “connect” to it')
  const conversation = TeamsConversation.parse(JSON.parse(Buffer.from(claim, 'base64url').toString('utf8')))
  return { conversation, isAlone: !conversation.isChannel && conversation.id !== conversation.conversationId }
}
