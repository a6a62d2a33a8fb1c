import { createHmac } from 'node:crypto'
import type { Config } from '../config.ts'
import { post, Undeliverable } from '../outbound.ts'
import { isEqual } from '../secrets.ts'
import { isPage, type Send } from './letter.ts'

/** What Slack says when another try may go better. */
const passing = new Set(['ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'])

/** Slack: a message by chat.postMessage, with buttons. The address is the id of a person or a channel. */
export function openSlack(config: Config): Send | undefined {
  const { token, apiUrl } = config.slack
  if (token === undefined) return undefined
  return async letter => {
    const { address, subject, text, link, id } = letter
    const buttons = [
      { type: 'button', text: { type: 'plain_text', text: 'Acknowledge' }, style: 'primary', action_id: 'acknowledge', value: link?.token ?? '' },
      { type: 'button', text: { type: 'plain_text', text: 'Escalate now' }, action_id: 'escalate', value: link?.token ?? '' },
    ]
    const blocks = [
      { type: 'header', text: { type: 'plain_text', text: subject.slice(0, 150) } },
      { type: 'section', text: { type: 'plain_text', text: text.slice(0, 2_900) } },
      ...(isPage(letter) ? [{ type: 'actions', elements: buttons }] : []),
    ]
    const reply = await post({
      url: `${apiUrl}/chat.postMessage`,
      mayReachPrivate: true,
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
      // The id lets Slack tell a repetition.
      body: JSON.stringify({ channel: address, text: subject, blocks, client_msg_id: id, unfurl_links: false }),
    })
    const answer = JSON.parse(reply.text) as { ok?: boolean; error?: string; ts?: string }
    if (answer.ok) return `posted ${answer.ts ?? ''}`.trim()
    const sentence = `Slack refused: ${answer.error ?? 'no reason given'}`
    throw passing.has(answer.error ?? '') ? new Error(sentence) : new Undeliverable(sentence)
  }
}

const freshSeconds = 300

/** True when Slack signed this request with the app's signing secret, lately (v0 signatures). */
export function isFromSlack(config: Config, headers: Readonly<Record<string, unknown>>, body: string, nowMs: number): boolean {
  const { signingSecret } = config.slack
  const timestamp = String(headers['x-slack-request-timestamp'] ?? '')
  if (signingSecret === undefined || !/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > freshSeconds) return false
  const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`
  return isEqual(signature, String(headers['x-slack-signature'] ?? ''))
}
