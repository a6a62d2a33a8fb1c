import { createECDH } from 'node:crypto'
import webPush from 'web-push'
import { z } from 'zod'
import type { Config } from '../../../kernel/config.ts'
import { post, webhookReach } from '../../../kernel/outbound.ts'
import type { Secrets } from '../../../kernel/secrets.ts'
import { isPage, type OutboundMessage, type Send } from '../channel.ts'
import { emailSettings } from '../email/settings.ts'

/** The keys of a browser's subscription, as it gives them. */
export const PushKeys = z.object({ p256dh: z.string().max(200), auth: z.string().max(100) })

/** The pair of keys that this installation shows to push services (VAPID, RFC 8292): derived from the master key, so that nothing has to be stored. */
function vapidKeys(secrets: Secrets): { publicKey: string; privateKey: string } {
  const curve = createECDH('prime256v1')
  const privateKey = secrets.derive('vapid')
  curve.setPrivateKey(privateKey)
  return { publicKey: curve.getPublicKey('base64url'), privateKey: privateKey.toString('base64url') }
}

/** What a browser needs to subscribe. */
export const pushKey = (secrets: Secrets): string => vapidKeys(secrets).publicKey

/** Browser push (RFC 8030, 8291). The address is the subscription's endpoint. */
export function openPush(config: Config, secrets: Secrets): Send {
  const keys = vapidKeys(secrets)
  const mail = /<?([^<>\s]+@[^<>\s]+)>?$/.exec(config.of(emailSettings).MAIL_FROM)?.[1] ?? 'tocsin@localhost'
  return async (message: OutboundMessage, signal: AbortSignal) => {
    const { address, subject, brief, link, id, secret } = message
    const payload = JSON.stringify({
      id,
      title: subject,
      body: brief.trim().slice(0, 1_500),
      isPage: isPage(message),
      url: link?.url ?? message.origin,
      token: link?.token,
    })
    const details = webPush.generateRequestDetails({ endpoint: address, keys: PushKeys.parse(JSON.parse(secret ?? '{}')) }, payload, {
      vapidDetails: { subject: `mailto:${mail}`, ...keys },
      TTL: 3_600,
      urgency: isPage(message) ? 'high' : 'normal',
      contentEncoding: 'aes128gcm',
    })
    const headers = Object.fromEntries(Object.entries(details.headers).map(([name, value]) => [name, String(value)]))
    const { status } = await post({ url: address, reach: webhookReach(config), headers, body: details.body ?? '', signal })
    return `HTTP ${status}`
  }
}
