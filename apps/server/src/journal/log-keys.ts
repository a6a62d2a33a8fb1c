import { createHash, type KeyObject } from 'node:crypto'
import { type LogKeys, logKeys, signingKey, verifierKey } from '@tocsin/merkle'
import { z } from 'zod'
import type { Secrets } from '../kernel/secrets.ts'

/** What is kept with the master key once the log's first signing key was replaced. */
export const keptLogName = 'journal'
export const KeptLog = z.object({ origin: z.string(), successions: z.array(z.string()) })

/** The name and the keys of the log. */
export interface LogIdentity {
  /** Made of the first key, so that two installations are never taken for one another. */
  readonly origin: string
  readonly privateKey: KeyObject
  /** Its verifier key (C2SP signed-note). */
  readonly key: string
  /** The statements that lead from the first key to this one, as signed notes. */
  readonly successions: readonly string[]
  /** All that have signed. */
  readonly keys: LogKeys
}

export function openLogIdentity(secrets: Secrets): LogIdentity {
  const seed = secrets.derive('journal signing')
  const privateKey = signingKey(seed)
  const kept = secrets.kept.get(keptLogName)
  const { origin, successions } =
    kept === undefined ? { origin: `tocsin/${createHash('sha256').update(seed).digest('hex').slice(0, 16)}`, successions: [] } : KeptLog.parse(JSON.parse(kept))
  const key = verifierKey(origin, privateKey)
  return { origin, privateKey, key, successions, keys: logKeys(key, successions) }
}
