import { Secret, TOTP } from 'otpauth'

/** The code that an authenticator app with this secret shows at an instant (milliseconds). */
export function codeAt(secret: string, timestamp: number): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp })
}
