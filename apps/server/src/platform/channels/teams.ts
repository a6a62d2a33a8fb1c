import { post } from '../outbound.ts'
import { adaptiveCard } from './card.ts'
import { type Letter, whereToOpen } from './letter.ts'

/** Microsoft Teams: an adaptive card to the address of a workflow ("post to a channel when a webhook request is received"). */
export async function sendTeams(letter: Letter, mayReachPrivate: boolean): Promise<string> {
  const { address, subject, text } = letter
  const card = adaptiveCard(subject, text, [{ type: 'Action.OpenUrl', title: 'Open Tocsin', url: whereToOpen(letter) }])
  const { status } = await post({
    url: address,
    mayReachPrivate,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'message', attachments: [card] }),
  })
  return `HTTP ${status}`
}
