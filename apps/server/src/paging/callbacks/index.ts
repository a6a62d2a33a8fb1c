import type { FastifyInstance } from 'fastify'
import type { AppContext } from '../../access/index.ts'
import { mountTeams } from './microsoft-teams.ts'
import { mountSlack } from './slack.ts'
import { mountTwilio } from './twilio.ts'

const maxBytes = 65_536

/**
 * What providers call when somebody answers there: a digit in a call, a reply to an SMS, a button in Slack or Teams. Each call is signed by its
 * provider; its body comes as text, because signatures are made over it.
 */
export function mountCallbacks(http: FastifyInstance, context: AppContext): void {
  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    for (const type of ['application/x-www-form-urlencoded', 'application/json'])
      inner.addContentTypeParser(type, { parseAs: 'string', bodyLimit: maxBytes }, (_request, body, done) => done(null, body))
    mountTwilio(inner, context)
    mountSlack(inner, context)
    mountTeams(inner, context)
  })
}
