import type { Reach } from '../../../kernel/outbound.ts'
import { postSigned } from '../../../kernel/signed-webhook.ts'
import type { OutboundMessage } from '../channel.ts'

/** A webhook, signed as Standard Webhooks says: `webhook-id` is the same for every repetition. */
export async function sendWebhook(message: OutboundMessage, reach: Reach, signal: AbortSignal): Promise<string> {
  const { id, address, purpose, subject, text, secret = '', sentAt } = message
  const body = JSON.stringify({ id, type: purpose, title: subject, text })
  return `HTTP ${await postSigned({ url: address, id, sentAt, secret, body, reach, signal })}`
}
