import { createHmac } from 'node:crypto'
import { post, type Reach } from './outbound.ts'
import { isEqual } from './secrets.ts'

/** A webhook that is received counts for so long, as Standard Webhooks recommends. */
const freshSeconds = 300

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
  const signature = signatureOf(secret, id, timestamp, body)
  const headers = { 'content-type': 'application/json', 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
  return (await post({ url, reach, signal, headers, body })).status
}

/**
 * When a received webhook was sent, in seconds.
 * @param secret in base64
 * @returns undefined where it is not signed with the secret as Standard Webhooks says, or was not sent lately
 */
export function openSigned(secret: string, headers: Readonly<Record<string, unknown>>, body: string, nowMs: number): number | undefined {
  const timestamp = String(headers['webhook-timestamp'] ?? '')
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > freshSeconds) return undefined
  const expected = signatureOf(secret, String(headers['webhook-id'] ?? ''), timestamp, body)
  // There may be several, while a secret is replaced.
  const signatures = String(headers['webhook-signature'] ?? '').split(' ', 10)
  return signatures.some(signature => isEqual(signature, expected)) ? Number(timestamp) : undefined
}

const signatureOf = (secret: string, id: string, timestamp: string, body: string) =>
  `v1,${createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${timestamp}.${body}`).digest('base64')}`
