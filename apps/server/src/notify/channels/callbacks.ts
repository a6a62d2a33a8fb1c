import type { FastifyInstance } from 'fastify'
import type { AppContext } from '../../access/index.ts'
import type { AnswerDesk } from '../answers.ts'
import { mountSlack } from './slack/receive.ts'
import { mountTeamsBot } from './teams-bot/receive.ts'
import { mountTwilio } from './twilio/receive.ts'

const maxBytes = 65_536

/**
 * What providers call when somebody answers there: a digit in a call, a reply to an SMS, a button in Slack or Teams. Each call is signed by its
 * provider; its body comes as text, because signatures are made over it.
 */
export function mountCallbacks(http: FastifyInstance, context: AppContext, desk: AnswerDesk): void {
  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    for (const type of ['application/x-www-form-urlencoded', 'application/json'])
      inner.addContentTypeParser(type, { parseAs: 'string', bodyLimit: maxBytes }, (_request, body, done) => done(null, body))
    mountTwilio(inner, context, desk)
    mountSlack(inner, context, desk)
    mountTeamsBot(inner, context, desk)
  })
}
