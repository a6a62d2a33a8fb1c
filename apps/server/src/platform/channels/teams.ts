import { post } from '../outbound.ts'
import { adaptiveCard } from './card.ts'
import type { Letter } from './letter.ts'

/** Microsoft Teams: an adaptive card to the address of a workflow ("post to a channel when a webhook request is received"). */
export async function sendTeams({ address, subject, text, origin }: Letter, mayReachPrivate: boolean): Promise<string> {
  const card = adaptiveCard(subject, text, [{ type: 'Action.OpenUrl', title: 'Open Tocsin', url: origin }])
  const { status } = await post({
    url: address,
    mayReachPrivate,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'message', attachments: [card] }),
  })
  return `HTTP ${status}`
}
