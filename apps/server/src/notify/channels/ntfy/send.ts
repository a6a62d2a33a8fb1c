import { post, type Reach } from '../../../kernel/outbound.ts'
import { isPage, type OutboundMessage } from '../channel.ts'

/** ntfy: the address is that of the topic. A page is urgent, and its button acknowledges without opening anything. */
export async function sendNtfy(message: OutboundMessage, reach: Reach, signal: AbortSignal): Promise<string> {
  const { address, subject, brief, link, id, origin } = message
  const url = new URL(address)
  const topic = url.pathname.replace(/^\/+|(?<!\/)\/+$/g, '')
  url.pathname = '/'
  const acknowledge = link && {
    action: 'http',
    label: 'Acknowledge',
    url: `${origin}/api/v1/page-links/acknowledge`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: link.token }),
    clear: true,
  }
  const body = {
    topic,
    title: subject,
    message: brief.trim().slice(0, 3_500),
    ...(isPage(message) ? { priority: 5, tags: ['rotating_light'] } : {}),
    ...(link ? { click: link.url } : {}),
    ...(isPage(message) ? { actions: [acknowledge] } : {}),
  }
  const { status } = await post({
    url: url.href,
    reach,
    signal,
    headers: { 'content-type': 'application/json', 'x-message-id': id },
    body: JSON.stringify(body),
  })
  return `HTTP ${status}`
}
