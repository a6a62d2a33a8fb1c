import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../../access/index.ts'
import { type Tx, transactionRetried } from '../../../kernel/database.ts'
import { AppProblem } from '../../../kernel/problems.ts'
import { type AnswerDesk, parseAnswer } from '../../answers.ts'
import { callbackLimit } from '../channel.ts'
import { isFromTwilio, smsReply, voiceReply } from './send.ts'

/** A digit in a call. */
export function mountVoice(http: FastifyInstance, context: AppContext, desk: AnswerDesk): void {
  http.post('/hooks/twilio/voice/:token', callbackLimit, async (request, reply) => {
    const fields = twilioFields(context, request)
    const { token } = z.object({ token: z.string().max(300) }).parse(request.params)
    const pressed = parseAnswer(fields.Digits ?? '')
    const text =
      pressed === undefined ? 'Press 1 to acknowledge, 2 to escalate.' : await inWords(context, async tx => (await desk.byLink(tx, token, pressed)).text)
    return reply.type('text/xml').send(voiceReply(text))
  })
}

/** A reply to an SMS. */
export function mountSms(http: FastifyInstance, context: AppContext, desk: AnswerDesk): void {
  http.post('/hooks/twilio/sms', callbackLimit, async (request, reply) => {
    const fields = twilioFields(context, request)
    const text = await inWords(context, async tx => {
      const answered = await desk.byAddress(tx, { kind: 'sms', address: fields.From ?? '' }, parseAnswer(fields.Body ?? ''))
      return answered?.text ?? 'No page was sent to this number.'
    })
    return reply.type('text/xml').send(smsReply(text))
  })
}

/** The fields of a call from Twilio. @throws AppProblem forbidden unless Twilio signed it */
function twilioFields(context: AppContext, request: FastifyRequest): Readonly<Record<string, string>> {
  const fields = Object.fromEntries(new URLSearchParams(String(request.body ?? '')))
  const url = `${context.messenger.origin}${request.url}`
  if (!isFromTwilio(context.config, String(request.headers['x-twilio-signature'] ?? ''), url, fields))
    throw new AppProblem('forbidden', 'This request is not signed by Twilio.')
  return fields
}

/** The error as a sentence, for somebody on the phone. */
async function inWords(context: AppContext, work: (tx: Tx) => Promise<string>): Promise<string> {
  try {
    return await transactionRetried(context.database, work)
  } catch (error) {
    if (error instanceof AppProblem) return error.message
    throw error
  }
}
