import type { RouteInput, RouteReply, detectionRoutes as routes } from '@tocsin/api'
import { desc, eq, inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Database, Reader } from '../kernel/database.ts'
import { invalid } from '../kernel/problems.ts'
import type { EventIntake } from './intake.ts'
import { pack } from './pack.ts'
import { deadLetters, logSources } from './tables.ts'

const lettersCursor = listCursor('detection-dead-letters', z.tuple([z.iso.datetime(), z.uuid()]))

/** Lines that could not be read as events, latest first. */
export async function listDeadLetters(reader: Reader, query: RouteInput<typeof routes.deadLetters>['query']): Promise<RouteReply<typeof routes.deadLetters>> {
  const after = lettersCursor.read(query.cursor)
  const rows = await reader.db
    .select({ deadLetter: deadLetters, source: logSources.name })
    .from(deadLetters)
    .innerJoin(logSources, eq(logSources.id, deadLetters.sourceId))
    .where(after && sql`(${deadLetters.receivedAt}, ${deadLetters.id}) < (${after[0]}::timestamptz, ${after[1]}::uuid)`)
    .orderBy(desc(deadLetters.receivedAt), desc(deadLetters.id))
    .limit(query.limit + 1)
  const { items, next } = lettersCursor.page(rows, query.limit, ({ deadLetter }) => [deadLetter.receivedAt, deadLetter.id])
  return { items: items.map(({ deadLetter: { id, receivedAt, reason, text }, source }) => ({ id, source, receivedAt, reason, text })), next }
}

/** Takes lines in again, as a person has fixed them. @throws AppProblem invalid for one without text, and then none is replayed */
export async function replayDeadLetters(
  database: Database,
  intake: EventIntake,
  caller: Caller,
  { letters }: RouteInput<typeof routes.replayDeadLetters>['body'],
): Promise<{ replayed: number }> {
  const empty = letters.findIndex(({ text }) => text.trim() === '')
  if (empty >= 0) throw invalid(`letters.${empty}.text`, 'must not be empty')
  const texts = new Map(letters.map(({ id, text }) => [id, text]))
  const rows = await database
    .reader()
    .db.select({ deadLetter: deadLetters, source: logSources })
    .from(deadLetters)
    .innerJoin(logSources, eq(logSources.id, deadLetters.sourceId))
    .where(inArray(deadLetters.id, [...texts.keys()]))
  for (const { deadLetter, source } of rows) {
    // First taken in, then removed: between the two it is there twice, never not at all.
    await intake.accept(source, pack(Buffer.from(`${linesOf(texts.get(deadLetter.id) ?? '')}\n`)))
    await database.transaction(async tx => {
      await tx.db.delete(deadLetters).where(eq(deadLetters.id, deadLetter.id))
      await record(tx, {
        actor: caller.actor,
        type: 'dead-letter.replayed',
        subject: { kind: 'dead-letter', id: deadLetter.id },
        data: { source: source.name },
      })
    })
  }
  return { replayed: rows.length }
}

/** A dead letter as it is matched again: one event, which may span several lines after it was fixed, or many lines. */
function linesOf(text: string): string {
  const oneLine = text.trim().replaceAll('\n', ' ')
  try {
    JSON.parse(oneLine)
    return oneLine
  } catch {
    return text.trim()
  }
}
