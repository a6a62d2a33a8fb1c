import type { LogSource } from '@tocsin/api'
import { isWithin, type Network, parseNetwork } from '@tocsin/sigma'
import { and, asc, eq, isNotNull, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { receiveAlerts, resolveBySource } from '../alerts/index.ts'
import { services } from '../directory/index.ts'
import { type Actor, record, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { invalid, notFound } from '../kernel/problems.ts'
import { randomSecret, secretDigest } from '../kernel/secrets.ts'
import { lastAway, missedFrom } from '../kernel/uptime.ts'
import { findService } from './services.ts'
import { type LogSourceParts, logSources } from './tables.ts'

export type LogSourceRow = typeof logSources.$inferSelect

export async function listLogSources(reader: Reader, id?: string): Promise<Omit<LogSource, 'problem'>[]> {
  const rows = await reader.db
    .select({ source: logSources, service: services.name })
    .from(logSources)
    .leftJoin(services, eq(services.id, logSources.serviceId))
    .where(id === undefined ? undefined : eq(logSources.id, id))
    .orderBy(asc(logSources.createdAt))
  return rows.map(({ source: { keyDigest: _, senders, files, serviceId, ...row }, service }) => ({
    ...row,
    ...{ senders: [...senders], files: [...files] },
    service: serviceId === null ? null : { id: serviceId, name: service ?? '' },
  }))
}

/** Adds a source of log events. Its key is in the answer and nowhere else. */
export async function createLogSource(
  tx: Tx,
  origin: string,
  actor: Actor,
  input: { name: string; logsource: LogSourceParts; senders: readonly string[]; files: readonly string[]; gapMinutes: number | null; serviceId: string | null },
): Promise<{ source: Omit<LogSource, 'problem'>; key: string; url: string }> {
  for (const [i, sender] of input.senders.entries())
    if (parseNetwork(sender) === undefined) throw invalid(`senders.${i}`, 'must be an IP address or a network such as 192.0.2.0/24')
  const { name, logsource, senders, files, gapMinutes } = input
  const service = (await findService(tx, input.serviceId))?.name ?? null
  const id = newId()
  const key = randomSecret(24)
  await tx.db.insert(logSources).values({ ...input, id, keyDigest: secretDigest(key), createdAt: tx.now })
  await record(tx, { actor, type: 'log-source.added', subject: { kind: 'log-source', id }, data: { name, logsource, senders, files, gapMinutes, service } })
  const [source] = await listLogSources(tx, id)
  if (!source) throw notFound('log source')
  return { source, key, url: `${origin}/in/${key}` }
}

export async function revokeLogSource(tx: Tx, actor: Actor, id: string): Promise<void> {
  const [revoked] = await tx.db
    .update(logSources)
    .set({ revokedAt: tx.now })
    .where(and(eq(logSources.id, id), isNull(logSources.revokedAt)))
    .returning({ name: logSources.name })
  if (!revoked) throw notFound('active log source')
  await record(tx, { actor, type: 'log-source.revoked', subject: { kind: 'log-source', id }, data: { name: revoked.name } })
}

/** Sources by key, kept for a moment: a shipper sends many requests a second. Revoking empties it. */
export class KnownSources {
  readonly #reader: () => Reader
  readonly #known = new Map<string, LogSourceRow>()
  #forgotten = 0
  #senders: Promise<{ network: Network; row: LogSourceRow }[]> | undefined

  constructor(reader: () => Reader) {
    this.#reader = reader
  }

  async open(key: string): Promise<LogSourceRow | undefined> {
    const digest = secretDigest(key)
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    const asked = this.#forgotten
    const [row] = await this.#reader()
      .db.select()
      .from(logSources)
      .where(and(eq(logSources.keyDigest, digest), isNull(logSources.revokedAt)))
    // What was read before sources changed is not remembered after.
    if (row && asked === this.#forgotten) this.#known.set(digest, row)
    return row
  }

  /** The source that sends syslog from an address: of several, the one with the narrowest network. */
  async bySender(address: string): Promise<LogSourceRow | undefined> {
    this.#senders ??= this.#readSenders()
    const senders = await this.#senders.catch((error: unknown) => {
      this.#senders = undefined
      throw error
    })
    return senders.find(({ network }) => isWithin(network, address))?.row
  }

  async #readSenders(): Promise<{ network: Network; row: LogSourceRow }[]> {
    const rows = await this.#reader().db.select().from(logSources).where(isNull(logSources.revokedAt))
    return rows
      .flatMap(row => row.senders.flatMap(sender => parseNetwork(sender) ?? []).map(network => ({ network, row })))
      .toSorted((a, b) => b.network.prefix - a.network.prefix)
  }

  forget(): void {
    this.#forgotten += 1
    this.#known.clear()
    this.#senders = undefined
  }
}

const scope = 'log source'
export const watchJob = defineJob({ kind: 'detection.watch-log-sources', lane: housekeepingLane, data: z.object({}) })

/**
 * Raises an alert for each source that has been silent for as long as it may, and resolves it when the source sends events again; each turn is on record. Looks
 * again when the next one may fall silent.
 */
export async function watchSources(tx: Tx, context: AppContext): Promise<void> {
  const rows = await tx.db
    .select()
    .from(logSources)
    .where(and(isNull(logSources.revokedAt), isNotNull(logSources.gapMinutes)))
    .orderBy(asc(logSources.id))
    .for('update')
  const away = await lastAway(tx)
  const upcoming: string[] = []
  for (const row of rows) {
    const heardAt = row.lastSeenAt ?? row.createdAt
    const silentAt = missedFrom(heardAt, row.gapMinutes ?? 0, away)
    const isSilent = silentAt <= tx.now
    if (!isSilent) upcoming.push(silentAt)
    if (isSilent === row.isSilent) continue
    await tx.db.update(logSources).set({ isSilent }).where(eq(logSources.id, row.id))
    const entry = { actor: system, subject: { kind: 'log-source', id: row.id } } as const
    if (!isSilent) {
      await record(tx, { ...entry, type: 'source.heard', data: { name: row.name, seenAt: heardAt } })
      await resolveBySource(tx, context, system, scope, [row.id])
      continue
    }
    await record(tx, { ...entry, type: 'source.silent', data: { name: row.name, gapMinutes: row.gapMinutes ?? 0, lastSeenAt: row.lastSeenAt } })
    await receiveAlerts(tx, context, system, scope, [
      {
        title: `No events from ${row.name} for ${Math.floor((Date.parse(tx.now) - Date.parse(heardAt)) / 60_000)} minutes`,
        severity: 'medium',
        serviceId: row.serviceId,
        dedupKey: row.id,
        source: 'detection',
        labels: { 'log source': row.name },
        links: [],
        description: 'The source or its log shipper may be down, or an attacker disabled logging (ATT&CK T1562).',
        observables: [],
      },
    ])
  }
  const [next] = upcoming.sort()
  if (next !== undefined) await schedule(tx, { kind: watchJob, key: watchJob.kind, runAt: next, data: {} })
}

/** A source sent events. @returns whether it had been silent */
export async function noteSeen(tx: Tx, id: string, at: string, events: number): Promise<boolean> {
  const [row] = await tx.db
    .update(logSources)
    .set({ lastSeenAt: sql`greatest(${logSources.lastSeenAt}, ${at}::timestamptz)`, events: sql`${logSources.events} + ${events}` })
    .where(eq(logSources.id, id))
    .returning({ isSilent: logSources.isSilent })
  return row?.isSilent === true
}
