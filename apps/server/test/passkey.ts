import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isoCBOR } from '@simplewebauthn/server/helpers'
import { z } from 'zod'

const Options = z.object({ challenge: z.string() })
const flags = { present: 0x01, verified: 0x04, hasCredential: 0x40 }

/** An authenticator with one passkey of its own, as WebAuthn (level 2) describes it: P-256, no attestation. */
export function makePasskey(origin: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const id = randomBytes(16)
  let counter = 0

  const clientData = (type: string, options: unknown) =>
    Buffer.from(JSON.stringify({ type, challenge: Options.parse(options).challenge, origin, crossOrigin: false }))

  const authenticatorData = (flag: number, credential = Buffer.alloc(0)) => {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([createHash('sha256').update(new URL(origin).hostname).digest(), Buffer.from([flag]), count, credential])
  }
  const message = (response: Record<string, string>) => ({
    ...{ id: id.toString('base64url'), rawId: id.toString('base64url'), type: 'public-key' },
    ...{ clientExtensionResults: {}, response },
  })

  return {
    /** Answers the options of an enrollment. */
    enroll(options: unknown) {
      const cose = new Map<number, number | Uint8Array>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
        [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
      ])
      const length = Buffer.alloc(2)
      length.writeUInt16BE(id.length)
      const credential = Buffer.concat([Buffer.alloc(16), length, id, isoCBOR.encode(cose)])
      const authData = new Uint8Array(authenticatorData(flags.present | flags.verified | flags.hasCredential, credential))
      const attestation = isoCBOR.encode(
        new Map<string, string | Uint8Array | Map<string, never>>([
          ['fmt', 'none'],
          ['attStmt', new Map<string, never>()],
          ['authData', authData],
        ]),
      )
      return message({
        clientDataJSON: clientData('webauthn.create', options).toString('base64url'),
        attestationObject: Buffer.from(attestation).toString('base64url'),
      })
    },
    /** Answers the options of a sign-in. `isVerified`: the authenticator has asked for a finger or a PIN. */
    signIn(options: unknown, { isVerified = true } = {}) {
      counter += 1
      const client = clientData('webauthn.get', options)
      const data = authenticatorData(flags.present | (isVerified ? flags.verified : 0))
      const signature = sign('sha256', Buffer.concat([data, createHash('sha256').update(client).digest()]), privateKey)
      return message({
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: signature.toString('base64url'),
      })
    },
  }
}
