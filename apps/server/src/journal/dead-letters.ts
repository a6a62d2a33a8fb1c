import type { JournalDeadLetter } from '@tocsin/api'
import { and, desc, eq, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Alarms } from '../kernel/alarms.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import { AppProblem, conflict, notFound } from '../kernel/problems.ts'
import { deadLetterAlarm, faultOf, type JournalReader } from './reader.ts'
import { type Actor, record, toEntry } from './record.ts'
import { journal, journalDeadLetters as letters } from './tables.ts'
import { type StoredRow, storedColumns } from './values.ts'

const cursor = listCursor('dead-letters', z.tuple([z.iso.datetime(), z.uuid()]))

/** One page of the entries that readers have set aside, the latest first, of those that `condition` lets through. */
export async function listDeadLetters(
  reader: Reader,
  query: { view: 'open' | 'all'; limit: number; cursor?: string | undefined },
  condition: SQL,
): Promise<{ items: JournalDeadLetter[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const rows = await reader.db
    .select({ deadLetter: letters, entry: storedColumns })
    .from(letters)
    .innerJoin(journal, eq(journal.id, letters.entryId))
    .where(
      and(
        condition,
        query.view === 'open' ? eq(letters.state, 'open') : undefined,
        after && sql`(${letters.at}, ${letters.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`,
      ),
    )
    .orderBy(desc(letters.at), desc(letters.id))
    .limit(query.limit + 1)
  const page = cursor.page(rows, query.limit, ({ deadLetter }) => [deadLetter.at, deadLetter.id])
  return { items: page.items.map(viewOf), next: page.next }
}

function viewOf({ deadLetter, entry }: { deadLetter: typeof letters.$inferSelect; entry: StoredRow }): JournalDeadLetter {
  const { id, reader, error, attempts, at, state, settledAt, settledBy, reason } = deadLetter
  return { ...{ id, reader, error, attempts, at, state, settledAt, settledBy, reason }, entry: { id: entry.id, at: entry.at, type: entry.type } }
}

/** How many open dead letters each reader has. */
export async function countDeadLetters(reader: Reader): Promise<ReadonlyMap<string, number>> {
  const rows = await reader.db
    .select({ name: letters.reader, n: sql<number>`count(*)::int` })
    .from(letters)
    .where(eq(letters.state, 'open'))
    .groupBy(letters.reader)
  return new Map(rows.map(({ name, n }) => [name, n]))
}

/** Locks a dead letter whose entry `condition` lets through. */
async function lockLetter(tx: Tx, id: string, condition: SQL) {
  const [found] = await tx.db
    .select({ deadLetter: letters, entry: storedColumns })
    .from(letters)
    .innerJoin(journal, eq(journal.id, letters.entryId))
    .where(and(eq(letters.id, id), condition))
    .for('update', { of: letters })
  if (!found) throw notFound('dead letter')
  const { deadLetter, entry } = found
  if (deadLetter.state !== 'open')
    throw conflict(`This dead letter was already ${deadLetter.state}${deadLetter.settledBy === null ? '' : `, by ${deadLetter.settledBy}`}.`)
  return { deadLetter, entry }
}

/** Once a reader has no open dead letter, the page about them is resolved. */
async function settle(tx: Tx, alarms: Alarms, actor: Actor, found: Awaited<ReturnType<typeof lockLetter>>, state: 'replayed' | 'discarded', reason?: string) {
  const { deadLetter, entry } = found
  const [settled] = await tx.db
    .update(letters)
    .set({ state, settledAt: tx.now, settledBy: actor.name, reason: reason ?? null })
    .where(eq(letters.id, deadLetter.id))
    .returning()
  if (!settled) throw notFound('dead letter')
  const about = { actor, subject: { kind: 'journal-entry', id: entry.id }, within: entry.withinId } as const
  const data = { reader: deadLetter.reader, type: entry.type }
  await record(
    tx,
    reason === undefined ? { ...about, type: 'journal-entry.replayed', data } : { ...about, type: 'journal-entry.discarded', data: { ...data, reason } },
  )
  const [left] = await tx.db
    .select({ id: letters.id })
    .from(letters)
    .where(and(eq(letters.reader, deadLetter.reader), eq(letters.state, 'open')))
    .limit(1)
  if (!left) await alarms.resolve(tx, deadLetterAlarm(deadLetter.reader))
  return viewOf({ deadLetter: settled, entry })
}

interface Services {
  readonly database: Database
  readonly alarms: Alarms
  readonly readers: { readonly readers: ReadonlyMap<string, JournalReader> }
}

/**
 * Has its reader take an entry in that it had set aside: out of order, after those that came later. The effect and the end of the dead letter are one
 * transaction.
 * @throws AppProblem conflict when the reader fails again, with what it said; the dead letter stays open
 */
export async function replayDeadLetter({ database, alarms, readers }: Services, actor: Actor, id: string, condition: SQL): Promise<JournalDeadLetter> {
  try {
    return await database.transaction(async tx => {
      const found = await lockLetter(tx, id, condition)
      const reader = readers.readers.get(found.deadLetter.reader)
      if (!reader) throw conflict(`The audit log reader "${found.deadLetter.reader}" no longer exists. Discard the dead letter.`)
      await reader.following.follow(tx, [toEntry(found.entry)])
      return settle(tx, alarms, actor, found, 'replayed')
    })
  } catch (fault) {
    if (fault instanceof AppProblem && (fault.kind === 'not-found' || fault.kind === 'conflict')) throw fault
    const error = faultOf(fault).slice(0, 1_000)
    await database.transaction(tx =>
      tx.db
        .update(letters)
        .set({ error, attempts: sql`${letters.attempts} + 1`, at: tx.now })
        .where(and(eq(letters.id, id), eq(letters.state, 'open'))),
    )
    throw conflict(`The reader failed again: ${error}`)
  }
}

/** Gives an entry up for good: the actions that it triggers were done by hand, or are not wanted. */
export async function discardDeadLetter(tx: Tx, alarms: Alarms, actor: Actor, id: string, reason: string, condition: SQL): Promise<JournalDeadLetter> {
  return settle(tx, alarms, actor, await lockLetter(tx, id, condition), 'discarded', reason)
}
