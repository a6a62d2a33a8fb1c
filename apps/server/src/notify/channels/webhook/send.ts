import { createHmac } from 'node:crypto'
import { post } from '../../../kernel/outbound.ts'
import type { OutboundMessage } from '../channel.ts'

/** A webhook, signed as Standard Webhooks says: `webhook-id` is the same for every repetition. */
export async function sendWebhook(message: OutboundMessage, mayReachPrivate: boolean, signal: AbortSignal): Promise<string> {
  const { id, address, purpose, subject, text, secret = '', sentAt } = message
  const body = JSON.stringify({ id, type: purpose, title: subject, text })
  const timestamp = String(Math.floor(sentAt / 1_000))
  const signature = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')
  const { status } = await post({
    url: address,
    mayReachPrivate,
    signal,
    headers: { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` },
    body,
  })
  return `HTTP ${status}`
}
