import { post, type Reach } from '../../../kernel/outbound.ts'
import { adaptiveCard } from '../adaptive-card.ts'
import { type OutboundMessage, whereToOpen } from '../channel.ts'

/** Microsoft Teams: an adaptive card to the address of a workflow ("post to a channel when a webhook request is received"). */
export async function sendTeams(message: OutboundMessage, reach: Reach, signal: AbortSignal): Promise<string> {
  const { address, subject, text } = message
  const card = adaptiveCard(subject, text, [{ type: 'Action.OpenUrl', title: 'Open Tocsin', url: whereToOpen(message) }])
  const { status } = await post({
    url: address,
    reach,
    signal,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'message', attachments: [card] }),
  })
  return `HTTP ${status}`
}
