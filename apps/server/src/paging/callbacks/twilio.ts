import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { AppProblem } from '../../kernel/problems.ts'
import { isFromTwilio, smsReply, voiceReply } from '../../notify/channels/twilio/send.ts'
import { answerPages, parseAnswer } from '../answers.ts'
import { responderAt, responderOf } from '../responders.ts'
import { inWords, often } from './answer.ts'

/** A digit in a call, and a reply to an SMS. */
export function mountTwilio(http: FastifyInstance, context: AppContext): void {
  http.post('/hooks/twilio/voice/:token', often, async (request, reply) => {
    const fields = twilioFields(context, request)
    const { token } = z.object({ token: z.string().max(300) }).parse(request.params)
    const pressed = parseAnswer(fields.Digits ?? '')
    const text =
      pressed === undefined
        ? 'Press 1 to acknowledge, 2 to pass it on.'
        : await inWords(context, async tx => answerPages(tx, context, await responderOf(tx, context, token), pressed))
    return reply.type('text/xml').send(voiceReply(text))
  })
  http.post('/hooks/twilio/sms', often, async (request, reply) => {
    const fields = twilioFields(context, request)
    const text = await inWords(context, async tx => {
      const responder = await responderAt(tx, { kind: 'sms', address: fields.From ?? '' })
      return responder ? answerPages(tx, context, responder, parseAnswer(fields.Body ?? '')) : 'There is no page for this number.'
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
