import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'
import type { Peer } from './peer.ts'

export interface Pushed {
  readonly id: string
  readonly title: string
  readonly body: string
  readonly isPage: boolean
  readonly url: string
  readonly token: string
}

/** A browser's subscription at a push service: what it gives to the server, and the latest push as it reads it. */
export function makeSubscription(service: Peer) {
  const curve = createECDH('prime256v1')
  const publicKey = curve.generateKeys()
  const auth = randomBytes(16)
  return {
    input: { address: `${service.url}/push/abc`, keys: { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') } },
    latest: () => JSON.parse(openPush(service.received.at(-1)?.body ?? Buffer.alloc(0), curve.getPrivateKey(), publicKey, auth)) as Pushed,
  }
}

/** What a browser does with a push: RFC 8291 over RFC 8188 (aes128gcm), written from the RFCs. */
function openPush(body: Buffer, privateKey: Buffer, publicKey: Buffer, auth: Buffer): string {
  const [salt, keyLength] = [body.subarray(0, 16), body.readUInt8(20)]
  const theirs = body.subarray(21, 21 + keyLength)
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(privateKey)
  const shared = curve.computeSecret(theirs)
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, theirs])
  const secret = Buffer.from(hkdfSync('sha256', shared, auth, info, 32))
  const key = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: aes128gcm\0', 16))
  const nonce = Buffer.from(hkdfSync('sha256', secret, salt, 'Content-Encoding: nonce\0', 12))
  const sealed = body.subarray(21 + keyLength)
  const decipher = createDecipheriv('aes-128-gcm', key, nonce)
  decipher.setAuthTag(sealed.subarray(-16))
  const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
  return padded.subarray(0, padded.lastIndexOf(2)).toString('utf8')
}
