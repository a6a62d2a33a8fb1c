import { TeamsPlace, teamsPlacePurpose } from '../platform/channels/index.ts'
import { invalid } from '../platform/problems.ts'
import { openToken, type Secrets } from '../platform/secrets.ts'

/** The place in Microsoft Teams behind an address that the bot told somebody. @throws AppProblem invalid for one that it did not tell */
export function openTeamsPlace(secrets: Secrets, address: string): { readonly place: TeamsPlace; readonly isAlone: boolean } {
  const [claim] = openToken(secrets, teamsPlacePurpose, address) ?? []
  if (claim === undefined) throw invalid('address', 'must be what the bot in Microsoft Teams answers when you write “connect” to it')
  const place = TeamsPlace.parse(JSON.parse(Buffer.from(claim, 'base64url').toString('utf8')))
  return { place, isAlone: !place.isChannel && place.id !== place.conversationId }
}
