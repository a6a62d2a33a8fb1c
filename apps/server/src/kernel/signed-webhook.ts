import { createHmac } from 'node:crypto'
import { post, type Reach } from './outbound.ts'

interface SignedWebhook {
  readonly url: string
  /** The same for every repetition. */
  readonly id: string
  /** In milliseconds. */
  readonly sentAt: number
  /** Base64. */
  readonly secret: string
  /** JSON. */
  readonly body: string
  readonly reach: Reach
  readonly signal: AbortSignal
}

/** Posts JSON that is signed as Standard Webhooks says. @returns the status @throws as {@link post} */
export async function postSigned({ url, id, sentAt, secret, body, reach, signal }: SignedWebhook): Promise<number> {
  const timestamp = String(Math.floor(sentAt / 1_000))
  const signature = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')
  const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
  return (await post({ url, reach, signal, headers, body })).status
}
