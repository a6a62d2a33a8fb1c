import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../../../kernel/config.ts'
import { post } from '../../../kernel/outbound.ts'
import { isEqual } from '../../../kernel/secrets.ts'
import { isPage, type OutboundMessage, readReply, type Send } from '../channel.ts'
import { twilioSettings } from './settings.ts'

const maxSms = 420
const TwilioReply = z.object({ sid: z.string().optional(), status: z.string().optional() })

export const openSms = (config: Config): Send | undefined => openTwilio(config, 'Messages', message => ({ Body: smsText(message) }))
export const openVoice = (config: Config): Send | undefined => openTwilio(config, 'Calls', message => ({ Twiml: spoken(message) }))

/** SMS and voice by the REST API of Twilio (2010-04-01). The address is a phone number in E.164. */
function openTwilio(config: Config, what: 'Messages' | 'Calls', fieldsOf: (message: OutboundMessage) => Record<string, string>): Send | undefined {
  const { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: authToken, TWILIO_FROM: from, TWILIO_API_URL: apiUrl } = config.of(twilioSettings)
  if (accountSid === undefined || authToken === undefined || from === undefined) return undefined
  return async (message, signal) => {
    const reply = await post({
      url: `${apiUrl}/2010-04-01/Accounts/${accountSid}/${what}.json`,
      reach: 'anywhere',
      signal,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
        'i-twilio-idempotency-token': message.id,
      },
      body: new URLSearchParams({ To: message.address, From: from, ...fieldsOf(message) }).toString(),
    })
    const { sid, status } = readReply(TwilioReply, reply.text) ?? {}
    return `${status ?? 'accepted'} ${sid ?? ''}`.trim()
  }
}

function smsText(message: OutboundMessage): string {
  const { subject, text, link } = message
  const lines = isPage(message) ? [subject, 'Reply 1 to acknowledge, 2 to escalate.', link?.url ?? ''] : [subject, text]
  return lines
    .filter(line => line !== '')
    .join('\n')
    .slice(0, maxSms)
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
const xml = (text: string) => text.replace(/[&<>"']/g, sign => escapes[sign] ?? '').replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/g, '')

/** What is said in a call, twice: who is woken does not hear the first words. */
function spoken(message: OutboundMessage): string {
  const { subject, text, link, origin } = message
  if (!isPage(message) || link === undefined) return `<Response><Say loop="3">${xml(`${subject}. ${text.slice(0, 300)}`)}</Say></Response>`
  const say = `<Say>${xml(`This is Tocsin. ${subject}.`)} Press 1 to acknowledge, 2 to escalate.</Say><Pause length="2"/>`
  return `<Response><Gather numDigits="1" timeout="10" action="${xml(`${origin}/hooks/twilio/voice/${link.token}`)}">${say}${say}</Gather></Response>`
}

/** What a call is answered with, or an SMS. */
export const voiceReply = (text: string) => `<?xml version="1.0" encoding="UTF-8"?><Response><Say>${xml(text)}</Say></Response>`
export const smsReply = (text: string) => `<?xml version="1.0" encoding="UTF-8"?><Response><Message>${xml(text)}</Message></Response>`

/** True when Twilio signed this request: HMAC-SHA1 over the address and the fields in order of their names. */
export function isFromTwilio(config: Config, signature: string, url: string, fields: Readonly<Record<string, string>>): boolean {
  const { TWILIO_AUTH_TOKEN: authToken } = config.of(twilioSettings)
  if (authToken === undefined) return false
  const text = Object.keys(fields)
    .sort()
    .reduce((sum, name) => `${sum}${name}${fields[name]}`, url)
  return isEqual(createHmac('sha1', authToken).update(text).digest('base64'), signature)
}
