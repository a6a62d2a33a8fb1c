import { and, desc, eq, inArray, isNotNull } from 'drizzle-orm'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { findPerson, type House } from '../identity/index.ts'
import { isFromSlack } from '../platform/channels/slack.ts'
import { isFromTwilio, smsReply, voiceReply } from '../platform/channels/twilio.ts'
import type { Tx } from '../platform/database.ts'
import { post } from '../platform/outbound.ts'
import { AppProblem } from '../platform/problems.ts'
import type { PageRow } from './climb.ts'
import { type Holder, holderOf } from './links.ts'
import { pagesIn } from './notify.ts'
import { acknowledgePage, escalatePage } from './pages.ts'
import { contactMethods, pageNotifications, pages } from './tables.ts'

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
      const text = await inTx(house, async tx => answer(tx, house, await holderOf(tx, house, token), fields.Digits ?? ''))
      return reply.type('text/xml').send(voiceReply(text))
    })
    inner.post('/hooks/twilio/sms', { config }, async (request, reply) => {
      const fields = twilioFields(house, request)
      const text = await inTx(house, async tx => {
        const holder = await latestAt(tx, fields.From ?? '')
        return holder ? answer(tx, house, holder, (fields.Body ?? '').trim()) : 'There is no page for this number.'
      })
      return reply.type('text/xml').send(smsReply(text))
    })
    inner.post('/hooks/slack', { config }, async (request, reply) => {
      const body = String(request.body ?? '')
      if (!isFromSlack(house.config, request.headers, body, Date.parse(house.clock.now())))
        throw new AppProblem('forbidden', 'This request is not signed by Slack.')
      const pressed = SlackAction.parse(JSON.parse(new URLSearchParams(body).get('payload') ?? '{}'))
      const [action] = pressed.actions
      const text = await inTx(house, async tx => answer(tx, house, await holderOf(tx, house, action.value), action.action_id === 'acknowledge' ? '1' : '2'))
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

/** 1 acknowledges, 2 passes it on. */
async function answer(tx: Tx, house: House, holder: Holder, said: string): Promise<string> {
  const [first] = holder.pages
  const what = holder.pages.length === 1 ? `${first?.title ?? ''}` : `${holder.pages.length} pages`
  if (/^(1|ack|acknowledge|yes)\b/i.test(said)) {
    const done: PageRow[] = []
    for (const page of holder.pages) done.push(await acknowledgePage(tx, house, holder.actor, holder.personId, page.id))
    const other = done.find(page => page.state === 'acknowledged' && page.acknowledgedById !== holder.personId)
    if (other?.acknowledgedById) return `${(await findPerson(tx, other.acknowledgedById))?.name ?? 'Somebody'} has it already: ${what}`
    return done.every(page => page.state === 'acknowledged') ? `It is yours: ${what}` : `Noted: ${what}`
  }
  if (/^(2|no|pass|escalate)\b/i.test(said)) {
    for (const page of holder.pages) if (page.state !== 'resolved') await escalatePage(tx, house, holder.actor, page.id)
    return `The next step is paged: ${what}`
  }
  return 'Answer 1 to acknowledge, 2 to pass it on.'
}

/** The latest page or bundle that went to a phone number by SMS, and whose phone it is. */
async function latestAt(tx: Tx, number: string): Promise<Holder | undefined> {
  const methods = await tx.db
    .select()
    .from(contactMethods)
    .where(and(eq(contactMethods.kind, 'sms'), eq(contactMethods.address, number), isNotNull(contactMethods.verifiedAt)))
  if (methods.length === 0) return undefined
  const [latest] = await tx.db
    .select()
    .from(pageNotifications)
    .where(
      and(
        inArray(
          pageNotifications.methodId,
          methods.map(method => method.id),
        ),
        isNotNull(pageNotifications.messageId),
      ),
    )
    .orderBy(desc(pageNotifications.at), desc(pageNotifications.id))
    .limit(1)
  const person = latest?.personId ? await findPerson(tx, latest.personId) : undefined
  if (!latest || !person?.isActive) return undefined
  const found = latest.bundleId === null ? await tx.db.select().from(pages).where(eq(pages.id, latest.pageId)) : await pagesIn(tx, latest.bundleId)
  return { pages: found, personId: person.id, actor: { kind: 'person', id: person.id, name: person.name } }
}
