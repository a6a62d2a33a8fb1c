import type { FastifyInstance } from 'fastify'
import type { House } from '../../identity/index.ts'
import { mountTeams } from './microsoft-teams.ts'
import { mountSlack } from './slack.ts'
import { mountTwilio } from './twilio.ts'

const mostBytes = 65_536

/**
 * What providers call when somebody answers there: a digit in a call, a reply to an SMS, a button in Slack or Teams. Each call is signed by its
 * provider; its body comes as text, because signatures are made over it.
 */
export function mountCallbacks(http: FastifyInstance, house: House): void {
  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    for (const type of ['application/x-www-form-urlencoded', 'application/json'])
      inner.addContentTypeParser(type, { parseAs: 'string', bodyLimit: mostBytes }, (_request, body, done) => done(null, body))
    mountTwilio(inner, house)
    mountSlack(inner, house)
    mountTeams(inner, house)
  })
}
