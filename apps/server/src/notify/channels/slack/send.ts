import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../../../kernel/config.ts'
import { OutboundFailure, post, Undeliverable } from '../../../kernel/outbound.ts'
import { isEqual } from '../../../kernel/secrets.ts'
import { isAnswerable, readReply, type Send, snoozeChoices, whereToOpen } from '../channel.ts'
import { slackSettings } from './settings.ts'

const SlackReply = z.object({ ok: z.boolean(), error: z.string().optional(), ts: z.string().optional() })

/** What Slack says when another try may go better. */
const passing = new Set(['ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'])

/** Slack: a message by chat.postMessage, with buttons. The address is the id of a person or a channel. */
export function openSlack(config: Config): Send | undefined {
  const { SLACK_BOT_TOKEN: token, SLACK_API_URL: apiUrl } = config.of(slackSettings)
  if (token === undefined) return undefined
  return async (message, signal) => {
    const { address, subject, brief, link, id } = message
    const plain = (words: string) => ({ type: 'plain_text', text: words })
    // The token is the block's id: what is chosen from a list carries no value of ours.
    const actions = {
      type: 'actions',
      block_id: link?.token ?? '',
      elements: [
        { type: 'button', text: plain('Acknowledge'), style: 'primary', action_id: 'acknowledge' },
        { type: 'button', text: plain('Escalate now'), action_id: 'escalate' },
        { type: 'button', text: plain('Open'), action_id: 'open', url: whereToOpen(message) },
        {
          type: 'static_select',
          placeholder: plain('Snooze for …'),
          action_id: 'snooze',
          options: snoozeChoices.map(({ label, minutes }) => ({ text: plain(label), value: String(minutes) })),
        },
        { type: 'users_select', placeholder: plain('Reassign to …'), action_id: 'decline' },
        { type: 'users_select', placeholder: plain('Add responder …'), action_id: 'add' },
      ],
    }
    const blocks = [
      { type: 'header', text: plain(subject.slice(0, 150)) },
      { type: 'section', text: plain(brief.trim().slice(0, 2_900)) },
      ...(isAnswerable(message) ? [actions] : []),
    ]
    const reply = await post({
      url: `${apiUrl}/chat.postMessage`,
      reach: 'anywhere',
      signal,
      headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
      // The id lets Slack recognize a retry.
      body: JSON.stringify({ channel: address, text: escapeSlack(subject), blocks, client_msg_id: id, unfurl_links: false }),
    })
    const answer = readReply(SlackReply, reply.text)
    // Slack says `ok` or why not; a reply of another form, with a status of success, is none of its refusals.
    if (answer === undefined) return 'accepted'
    if (answer.ok) return `posted ${answer.ts ?? ''}`.trim()
    const Failure = passing.has(answer.error ?? '') ? OutboundFailure : Undeliverable
    throw new Failure('Slack rejected the message', undefined, answer.error ?? 'no reason given')
  }
}

/** Text that is no mention, link or command of Slack ("Formatting text for app surfaces"): titles come from outside. */
export const escapeSlack = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const freshSeconds = 300

/** True when Slack signed this request with the app's signing secret, lately (v0 signatures). */
export function isFromSlack(config: Config, headers: Readonly<Record<string, unknown>>, body: string, nowMs: number): boolean {
  const { SLACK_SIGNING_SECRET: signingSecret } = config.of(slackSettings)
  const timestamp = String(headers['x-slack-request-timestamp'] ?? '')
  if (signingSecret === undefined || !/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs / 1_000 - Number(timestamp)) > freshSeconds) return false
  const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`
  return isEqual(signature, String(headers['x-slack-signature'] ?? ''))
}
