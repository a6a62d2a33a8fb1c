import { and, desc, eq, gt, isNull, ne, or, sql } from 'drizzle-orm'
import type { Reader } from '../kernel/database.ts'
import { ownSourceId } from './own-trail.ts'
import { detectionRules, logSources } from './tables.ts'

/** The log source that was heard last, or one that was not heard yet. Tocsin's own audit trail needs no setup and is left out. */
export async function liveliestLogSource(reader: Reader) {
  const [found] = await reader.db
    .select({ name: logSources.name, lastSeenAt: logSources.lastSeenAt, isSilent: logSources.isSilent })
    .from(logSources)
    .where(and(isNull(logSources.revokedAt), ne(logSources.id, ownSourceId)))
    .orderBy(logSources.isSilent, sql`${logSources.lastSeenAt} desc nulls last`, desc(logSources.id))
    .limit(1)
  return found
}

/** How many rules can raise an alert now. */
export function countActiveRules(reader: Reader): Promise<number> {
  return reader.db.$count(
    detectionRules,
    and(eq(detectionRules.isEnabled, true), ne(detectionRules.kind, 'filter'), or(isNull(detectionRules.expiresAt), gt(detectionRules.expiresAt, reader.now))),
  )
}
