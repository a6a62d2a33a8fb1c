import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { House } from '../../identity/index.ts'
import { isFromTwilio, smsReply, voiceReply } from '../../platform/channels/twilio.ts'
import { AppProblem } from '../../platform/problems.ts'
import { answerPages, parseAnswer } from '../answers.ts'
import { holderAt, holderOf } from '../links.ts'
import { inWords, often } from './answer.ts'

/** A digit in a call, and a reply to an SMS. */
export function mountTwilio(http: FastifyInstance, house: House): void {
  http.post('/hooks/twilio/voice/:token', often, async (request, reply) => {
    const fields = twilioFields(house, request)
    const { token } = z.object({ token: z.string().max(300) }).parse(request.params)
    const pressed = parseAnswer(fields.Digits ?? '')
    const text =
      pressed === undefined
        ? 'Press 1 to acknowledge, 2 to pass it on.'
        : await inWords(house, async tx => answerPages(tx, house, await holderOf(tx, house, token), pressed))
    return reply.type('text/xml').send(voiceReply(text))
  })
  http.post('/hooks/twilio/sms', often, async (request, reply) => {
    const fields = twilioFields(house, request)
    const text = await inWords(house, async tx => {
      const holder = await holderAt(tx, { kind: 'sms', address: fields.From ?? '' })
      return holder ? answerPages(tx, house, holder, parseAnswer(fields.Body ?? '')) : 'There is no page for this number.'
    })
    return reply.type('text/xml').send(smsReply(text))
  })
}

/** The fields of a call from Twilio. @throws AppProblem forbidden unless Twilio signed it */
function twilioFields(house: House, request: FastifyRequest): Readonly<Record<string, string>> {
  const fields = Object.fromEntries(new URLSearchParams(String(request.body ?? '')))
  const url = `${house.messenger.origin}${request.url}`
  if (!isFromTwilio(house.config, String(request.headers['x-twilio-signature'] ?? ''), url, fields))
    throw new AppProblem('forbidden', 'This request is not signed by Twilio.')
  return fields
}
