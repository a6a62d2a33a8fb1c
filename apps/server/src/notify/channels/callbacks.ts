import type { FastifyInstance } from 'fastify'
import type { AppContext } from '../../access/index.ts'
import type { AnswerDesk } from '../answers.ts'
import { channels } from './index.ts'

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
    for (const { mount } of Object.values(channels)) mount?.(inner, context, desk)
  })
}
