import { and, eq, inArray, isNotNull } from 'drizzle-orm'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { House } from '../identity/index.ts'
import { isFromSlack } from '../platform/channels/slack.ts'
import { isFromTwilio, smsReply, voiceReply } from '../platform/channels/twilio.ts'
import type { Tx } from '../platform/database.ts'
import { post } from '../platform/outbound.ts'
import { AppProblem } from '../platform/problems.ts'
import { answerPages, parseAnswer } from './answers.ts'
import { type Holder, holderBy, holderOf } from './links.ts'
import { contactMethods, pageNotifications } from './tables.ts'

const mostBytes = 65_536

/** What providers call when somebody answers there: a digit in a call, a reply to an SMS, a button in Slack. Each call is signed by its provider. */
export function mountCallbacks(http: FastifyInstance, house: House): void {
  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    inner.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: mostBytes }, (_request, body, done) => done(null, body))
    const config = { rateLimit: { max: 600, timeWindow: 60_000 } }
    inner.post('/hooks/twilio/voice/:token', { config }, async (request, reply) => {
      const fields = twilioFields(house, request)
      const { token } = z.object({ token: z.string().max(300) }).parse(request.params)
      const pressed = parseAnswer(fields.Digits ?? '')
      const text =
        pressed === undefined
          ? 'Press 1 to acknowledge, 2 to pass it on.'
          : await inTx(house, async tx => answerPages(tx, house, await holderOf(tx, house, token), pressed))
      return reply.type('text/xml').send(voiceReply(text))
    })
    inner.post('/hooks/twilio/sms', { config }, async (request, reply) => {
      const fields = twilioFields(house, request)
      const text = await inTx(house, async tx => {
        const holder = await latestAt(tx, 'sms', fields.From ?? '')
        return holder ? answerPages(tx, house, holder, parseAnswer(fields.Body ?? '')) : 'There is no page for this number.'
      })
      return reply.type('text/xml').send(smsReply(text))
    })
    inner.post('/hooks/slack', { config }, async (request, reply) => {
      const body = String(request.body ?? '')
      if (!isFromSlack(house.config, request.headers, body, Date.parse(house.clock.now())))
        throw new AppProblem('forbidden', 'This request is not signed by Slack.')
      const pressed = SlackAction.parse(JSON.parse(new URLSearchParams(body).get('payload') ?? '{}'))
      const [action] = pressed.actions
      const text = await inTx(house, async tx => answerPages(tx, house, await holderOf(tx, house, action.value), { kind: action.action_id }))
      if (pressed.response_url !== undefined) await replyInSlack(house, pressed.response_url, text)
      return reply.code(200).send('')
    })
  })
}

const SlackAction = z.object({
  actions: z.tuple([z.object({ action_id: z.enum(['acknowledge', 'escalate']), value: z.string().max(300) })]).rest(z.unknown()),
  response_url: z.url().max(500).optional(),
})

/** Says in Slack what came of a button. It is said on the page too, so that a fault here is logged and no more. */
async function replyInSlack(house: House, url: string, text: string): Promise<void> {
  try {
    await post({
      url,
      mayReachPrivate: house.config.mayReachPrivateWebhooks,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ replace_original: false, response_type: 'ephemeral', text }),
    })
  } catch (error) {
    house.log.warn({ err: error }, 'Slack did not take the answer to a button')
  }
}

/** The fields of a call from Twilio. @throws AppProblem forbidden unless Twilio signed it */
function twilioFields(house: House, request: FastifyRequest): Readonly<Record<string, string>> {
  const fields = Object.fromEntries(new URLSearchParams(String(request.body ?? '')))
  const url = `${house.messenger.origin}${request.url}`
  if (!isFromTwilio(house.config, String(request.headers['x-twilio-signature'] ?? ''), url, fields))
    throw new AppProblem('forbidden', 'This request is not signed by Twilio.')
  return fields
}

/** What went wrong in words, for somebody at a phone. */
async function inTx(house: House, work: (tx: Tx) => Promise<string>): Promise<string> {
  try {
    return await house.database.transaction(work)
  } catch (error) {
    if (error instanceof AppProblem) return error.message
    throw error
  }
}

/** The latest page or bundle that went to somebody by a method of theirs, and whose it is. */
async function latestAt(tx: Tx, kind: 'sms', address: string): Promise<Holder | undefined> {
  const methods = await tx.db
    .select()
    .from(contactMethods)
    .where(and(eq(contactMethods.kind, kind), eq(contactMethods.address, address), isNotNull(contactMethods.verifiedAt)))
  const ids = methods.map(method => method.id)
  return ids.length === 0 ? undefined : holderBy(tx, inArray(pageNotifications.methodId, ids))
}
