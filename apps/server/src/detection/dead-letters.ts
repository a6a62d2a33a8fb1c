import type { RouteInput, RouteReply, detectionRoutes as routes } from '@tocsin/api'
import { desc, eq, inArray, sql } from 'drizzle-orm'
import { z } from 'zod'
import type { Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Database, Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { invalid } from '../kernel/problems.ts'
import { storable } from '../kernel/text.ts'
import type { EventIntake } from './intake.ts'
import { pack } from './pack.ts'
import { deadLetters, logSources } from './tables.ts'

/** Dead letters of one line each that a batch may make; what is more shares letters. */
const maxSingleLetters = 10_000
/** Characters of a letter of many lines: one that can be sent again as it is. */
const maxLetterLength = 900_000
const lettersAtOnce = 1_000

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

/** Where lines are from. */
type Batch = Pick<typeof deadLetters.$inferSelect, 'sourceId' | 'receivedAt'>
interface Rejected {
  readonly text: string
  readonly reason: string
}

/** Sets lines of a batch aside that were no events, each for itself as long as they are not too many. */
export function keepInvalidLines(tx: Tx, batch: Batch, invalid: readonly Rejected[]): Promise<void> {
  const further = inPieces(invalid.slice(maxSingleLetters).map(({ text }) => text))
  const reason = `more than ${maxSingleLetters.toLocaleString('en')} lines of one batch were not valid events; they share one dead letter`
  return keep(tx, batch, [...invalid.slice(0, maxSingleLetters), ...further.map(text => ({ text, reason }))])
}

/** Sets lines of a batch aside together. */
export const keepLines = (tx: Tx, batch: Batch, lines: readonly string[], reason: string): Promise<void> =>
  keep(
    tx,
    batch,
    inPieces(lines).map(text => ({ text, reason })),
  )

async function keep(tx: Tx, { sourceId, receivedAt }: Batch, letters: readonly Rejected[]): Promise<void> {
  for (let from = 0; from < letters.length; from += lettersAtOnce)
    await tx.db
      .insert(deadLetters)
      .values(
        letters
          .slice(from, from + lettersAtOnce)
          .map(({ text, reason }) => ({ id: newId(), sourceId, receivedAt, reason: storable(reason, 2_000), text: storable(text) })),
      )
}

/** Lines put together to as few texts as may be, none longer than a dead letter; a line that is longer itself stands alone. */
function inPieces(lines: readonly string[]): string[] {
  const pieces: string[][] = []
  let length = Number.POSITIVE_INFINITY
  for (const line of lines) {
    if (line.trim() === '') continue
    if (length + line.length > maxLetterLength) {
      pieces.push([])
      length = 0
    }
    pieces.at(-1)?.push(line)
    length += line.length + 1
  }
  return pieces.map(piece => piece.join('\n'))
}
