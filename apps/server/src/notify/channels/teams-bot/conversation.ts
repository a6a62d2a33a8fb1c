import { invalid } from '../../../kernel/problems.ts'
import { openToken, type Secrets } from '../../../kernel/secrets.ts'
import { TeamsConversation, teamsConversationPurpose } from './send.ts'

/** The conversation in Microsoft Teams behind an address that the bot issued. @throws AppProblem invalid for one that it did not issue */
export function openTeamsConversation(secrets: Secrets, address: string): { readonly conversation: TeamsConversation; readonly isAlone: boolean } {
  const [claim] = openToken(secrets, teamsConversationPurpose, address) ?? []
  if (claim === undefined) throw invalid('address', 'must be the address that the Microsoft Teams bot replies with when you send it “connect”')
  const conversation = TeamsConversation.parse(JSON.parse(Buffer.from(claim, 'base64url').toString('utf8')))
  return { conversation, isAlone: !conversation.isChannel && conversation.id !== conversation.conversationId }
}
