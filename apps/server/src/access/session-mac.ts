import type { Instant } from '../kernel/clock.ts'
import type { Secrets } from '../kernel/secrets.ts'

/** What of a session decides who it lets in, as whom, and for how long. */
interface SessionClaims {
  readonly id: string
  readonly personId: string
  readonly tokenDigest: string
  readonly assurance: 'password' | 'full'
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly verifiedAt: Instant | null
}

const claimsOf = ({ id, personId, tokenDigest, assurance, createdAt, expiresAt, verifiedAt }: SessionClaims) =>
  [id, personId, tokenDigest, assurance, createdAt, expiresAt, verifiedAt ?? ''].join('\n')

/** Adds the MAC to the row of a session. Its key is not in the database: whoever can only write there makes no session, and raises none. */
export function withMac<Row extends SessionClaims>(secrets: Secrets, row: Row): Row & { readonly mac: string } {
  return { ...row, mac: secrets.sign('session', claimsOf(row)) }
}

/** True for a row that {@link withMac} made. */
export function isGenuine(secrets: Secrets, row: SessionClaims & { readonly mac: string }): boolean {
  return secrets.isSigned('session', claimsOf(row), row.mac)
}
