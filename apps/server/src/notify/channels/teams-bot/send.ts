import { createRemoteJWKSet, errors, jwtVerify } from 'jose'
import { z } from 'zod'
import type { Config } from '../../../kernel/config.ts'
import { OutboundFailure, post, Undeliverable, webhookReach } from '../../../kernel/outbound.ts'
import { adaptiveCard } from '../adaptive-card.ts'
import { isAnswerable, type OutboundMessage, type Send, snoozeChoices, whereToOpen } from '../channel.ts'
import { teamsBotOf } from './settings.ts'

/** Where the bot can write: a chat with somebody, or a channel. Teams says it with every call; it is kept with a contact method. */
export const TeamsConversation = z.object({
  serviceUrl: z.url().max(500),
  conversationId: z.string().min(1).max(500),
  /** True for a channel: each message there starts a new thread. */
  isChannel: z.boolean(),
  /** The person (object ID in the directory), or the channel. */
  id: z.string().min(1).max(300),
  name: z.string().max(200),
})
export type TeamsConversation = z.output<typeof TeamsConversation>

/** The purpose of the address that people enter in Tocsin, as the bot gave it to them. */
export const teamsConversationPurpose = 'teams-place'

/** Microsoft Teams by a bot (Bot Connector REST API 3.0). The message's secret is the conversation to write to, as JSON. */
export function openTeamsBot(config: Config): Send | undefined {
  const reach = webhookReach(config)
  const teams = teamsBotOf(config)
  if (teams === undefined) return undefined
  let kept: { token: string; until: number } | undefined
  const tokenAt = async (now: number, signal: AbortSignal) => {
    if (kept !== undefined && kept.until > now) return kept.token
    const fields = { grant_type: 'client_credentials', client_id: teams.appId, client_secret: teams.appPassword, scope: `${audience}/.default` }
    const { text } = await post({
      url: `${teams.loginUrl}/${encodeURIComponent(teams.tenantId)}/oauth2/v2.0/token`,
      reach: 'anywhere',
      signal,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
    })
    const { access_token: token, expires_in: seconds } = Token.parse(JSON.parse(text))
    // A new one is fetched five minutes early: it must not run out on its way.
    kept = { token, until: now + (seconds - 300) * 1_000 }
    return token
  }
  return async (outbound, signal) => {
    const conversation = TeamsConversation.parse(JSON.parse(outbound.secret ?? '{}'))
    const token = await tokenAt(outbound.sentAt, signal)
    const activity = activityOf(outbound)
    const [path, body] = conversation.isChannel
      ? ['', { isGroup: true, channelData: { channel: { id: conversation.conversationId } }, activity }]
      : [`/${encodeURIComponent(conversation.conversationId)}/activities`, activity]
    try {
      const { text } = await post({
        url: `${conversation.serviceUrl.replace(/\/$/, '')}/v3/conversations${path}`,
        reach,
        signal,
        headers: { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      })
      return `posted ${postedId(text)}`.trim()
    } catch (error) {
      if (!(error instanceof Undeliverable) || error.status !== 401) throw error
      // The token was revoked early: the next attempt requests another.
      kept = undefined
      throw new OutboundFailure(error.message, error.status, error.reply)
    }
  }
}

const audience = 'https://api.botframework.com'
const Token = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number() })

/** What Teams calls the message. It has taken it whatever it answers: an answer that is not understood must not send it once more. */
function postedId(text: string): string {
  const id = /"id"\s*:\s*"([^"]+)"/.exec(text)?.[1] ?? ''
  return id.length <= 300 ? id : ''
}

function activityOf(outbound: OutboundMessage): object {
  const { subject, brief, link } = outbound
  const message = { type: 'message', summary: subject }
  if (link !== undefined && isAnswerable(outbound))
    return { ...message, attachments: [adaptiveCard(subject, brief, answers(link.token, whereToOpen(outbound)))] }
  if (link?.purpose === teamsConversationPurpose)
    return { ...message, attachments: [adaptiveCard(subject, brief, [{ type: 'Action.OpenUrl', title: 'Open Tocsin', url: link.url }])] }
  return { ...message, textFormat: 'plain', text: brief.trim() === '' ? subject : `${subject}\n\n${brief.trim()}` }
}

/** The buttons of a page; what they say comes back as `TeamsPress`. */
function answers(token: string, url: string): object[] {
  const submit = (title: string, answer: TeamsPress['answer'], more: object = {}) => ({ type: 'Action.Submit', title, data: { token, answer }, ...more })
  return [
    submit('Acknowledge', 'acknowledge', { style: 'positive' }),
    submit('Escalate now', 'escalate'),
    { type: 'Action.OpenUrl', title: 'Open', url },
    {
      type: 'Action.ShowCard',
      title: 'More',
      card: {
        type: 'AdaptiveCard',
        body: [
          { type: 'Input.Text', id: 'who', label: 'Name or email address of a responder', maxLength: 200 },
          {
            type: 'Input.ChoiceSet',
            id: 'minutes',
            label: 'Snooze for',
            value: String(snoozeChoices[0].minutes),
            choices: snoozeChoices.map(({ label, minutes }) => ({ title: label, value: String(minutes) })),
          },
        ],
        actions: [submit('Reassign', 'decline'), submit('Add responder', 'add'), submit('Snooze', 'snooze')],
      },
    },
  ]
}

/** What a button of a page sends. */
export const TeamsPress = z.object({
  token: z.string().max(300),
  answer: z.enum(['acknowledge', 'escalate', 'decline', 'add', 'snooze']),
  who: z.string().trim().max(200).default(''),
  minutes: z.coerce.number().int().default(snoozeChoices[0].minutes),
})
export type TeamsPress = z.output<typeof TeamsPress>

/** What Teams calls the bot with (Bot Framework activity), as far as it is used. */
export const TeamsActivity = z.object({
  type: z.string().max(100),
  id: z.string().max(300).optional(),
  channelId: z.literal('msteams'),
  serviceUrl: z.url().max(500),
  from: z.object({ id: z.string().max(300), aadObjectId: z.string().max(100).optional(), name: z.string().max(200).default('') }),
  recipient: z.object({ id: z.string().max(300) }),
  conversation: z.object({
    id: z.string().min(1).max(500),
    conversationType: z.string().max(50).default('personal'),
    tenantId: z.string().max(100).optional(),
  }),
  channelData: z.object({ tenant: z.object({ id: z.string().max(100) }).optional() }).optional(),
  membersAdded: z
    .array(z.object({ id: z.string().max(300) }))
    .max(1_000)
    .default([]),
  text: z.string().max(30_000).default(''),
  value: z.unknown().optional(),
})
export type TeamsActivity = z.output<typeof TeamsActivity>

/**
 * Tells whether a call is from the Bot Connector service and meant for this bot: the token's signature by a key endorsed for Teams, its issuer,
 * audience, time and service address, and the directory of whoever is behind it ("Authentication with the Bot Connector API", connector to bot).
 */
export function openTeamsVerifier(config: Config): (authorization: string, activity: TeamsActivity, nowMs: number) => Promise<boolean> {
  const teams = teamsBotOf(config)
  if (teams === undefined) return async () => false
  const keys = createRemoteJWKSet(new URL(teams.keysUrl), { timeoutDuration: 5_000, cooldownDuration: 30_000, cacheMaxAge: 86_400_000 })
  return async (authorization, activity, nowMs) => {
    const [, token] = /^Bearer (\S+)$/.exec(authorization) ?? []
    const tenant = activity.channelData?.tenant?.id ?? activity.conversation.tenantId
    if (token === undefined || tenant !== teams.tenantId) return false
    try {
      const { payload, protectedHeader } = await jwtVerify(token, keys, {
        issuer: audience,
        audience: teams.appId,
        algorithms: ['RS256'],
        clockTolerance: 300,
        currentDate: new Date(nowMs),
        requiredClaims: ['exp'],
      })
      const key = keys.jwks()?.keys.find(({ kid }) => kid === protectedHeader.kid)
      const { endorsements } = Endorsements.parse(key ?? {})
      return endorsements.includes(activity.channelId) && payload.serviceurl === activity.serviceUrl
    } catch (error) {
      // Keys that cannot be fetched are a fault, not a forgery: it is reported as one.
      if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || error.code === 'ERR_JOSE_GENERIC') throw error
      return false
    }
  }
}

const Endorsements = z.object({ endorsements: z.array(z.string()).default([]) })
