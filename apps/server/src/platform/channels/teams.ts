import { post } from '../outbound.ts'
import type { Letter } from './letter.ts'

/** Microsoft Teams: an adaptive card to the address of a workflow ("post to a channel when a webhook request is received"). */
export async function sendTeams({ address, subject, text, link, origin }: Letter, mayReachPrivate: boolean): Promise<string> {
  const actions = link ? [{ type: 'Action.OpenUrl', title: 'Acknowledge', url: link.url }] : [{ type: 'Action.OpenUrl', title: 'Open Tocsin', url: origin }]
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: subject, weight: 'Bolder', size: 'Medium', wrap: true },
      { type: 'TextBlock', text: text.slice(0, 5_000), wrap: true },
    ],
    actions,
  }
  const { status } = await post({
    url: address,
    mayReachPrivate,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }] }),
  })
  return `HTTP ${status}`
}
