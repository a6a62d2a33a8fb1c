import type { Note } from '@tocsin/api'
import { and, count, desc, eq, lt } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, accountsThatActed, type Caller, people, type Viewer } from '../access/index.ts'
import { changedSince, record } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { conflict, forbidden, notFound } from '../kernel/problems.ts'
import { assertVersion, findIncident, lockOpenIncident } from './incident.ts'
import { renderMarkdown } from './markdown.ts'
import { notes } from './tables.ts'

/** Notes of one part, and characters of their HTML: each act on an incident is answered with the latest part. */
export const maxNotes = 50
const maxHtml = 1_048_576

const cursor = listCursor('notes', z.tuple([z.uuid()]))

/** One part of the notes of an incident, newest first: fewer than the limit where they are long. */
export async function latestNotes(
  reader: Reader,
  viewer: Viewer,
  incidentId: string,
  { limit, cursor: after, updatedSince }: { readonly limit: number; readonly cursor?: string | undefined; readonly updatedSince?: Instant | undefined },
): Promise<{ items: Note[]; next: string | null }> {
  const [before] = cursor.read(after) ?? []
  const most = Math.min(limit, maxNotes)
  const rows = await reader.db
    .select({ note: notes, author: people.name })
    .from(notes)
    .leftJoin(people, eq(people.id, notes.authorId))
    .where(and(eq(notes.incidentId, incidentId), before === undefined ? undefined : lt(notes.id, before), changedSince(notes.id, updatedSince)))
    .orderBy(desc(notes.id))
    .limit(most + 1)
  const written = await accountsThatActed(
    reader,
    rows.map(({ note }) => ({ id: note.id, personId: note.authorId })),
    'note.written',
  )
  const fitting: Note[] = []
  let size = 0
  for (const { note, author } of rows.slice(0, most)) {
    const html = renderMarkdown(note.markdown)
    size += html.length
    if (fitting.length > 0 && size > maxHtml) break
    const { id, markdown, createdAt, editedAt, version, erasure } = note
    fitting.push({
      id,
      author: written.get(id) ?? author ?? '',
      markdown,
      html,
      createdAt,
      editedAt,
      version,
      erasure,
      isMine: note.authorId === viewer.personId,
    })
  }
  const { next } = cursor.page(rows, fitting.length, ({ note }) => [note.id])
  return { items: fitting, next }
}

/** All notes of an incident, oldest first: for what is written down of it. */
export async function allNotes(reader: Reader, viewer: Viewer, incidentId: string): Promise<Note[]> {
  const all: Note[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const { items, next } = await latestNotes(reader, viewer, incidentId, { limit: maxNotes, cursor: after })
    all.push(...items)
    after = next
  }
  return all.reverse()
}

export async function countNotes(reader: Reader, incidentId: string): Promise<number> {
  const [found] = await reader.db.select({ n: count() }).from(notes).where(eq(notes.incidentId, incidentId))
  return found?.n ?? 0
}

/** One part of the notes of an incident that the viewer may see, and the incident. */
export async function listNotes(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  id: string,
  query: { readonly limit: number; readonly cursor?: string | undefined; readonly updatedSince?: Instant | undefined },
): ReturnType<typeof latestNotes> {
  // As by every list, a cursor that is none is refused whatever the ID is.
  cursor.read(query.cursor)
  await findIncident(reader, context, viewer, id)
  return latestNotes(reader, viewer, id, query)
}

/** Writes a note. The journal holds its text, so that edits keep the original. */
export async function addNote(tx: Tx, context: AppContext, caller: Caller, incidentId: string, markdown: string): Promise<void> {
  await lockOpenIncident(tx, context, caller, incidentId)
  await insertNote(tx, caller, incidentId, markdown)
}

/** Writes a note of an incident that is locked. @returns its ID */
export async function insertNote(tx: Tx, caller: Caller, incidentId: string, markdown: string): Promise<string> {
  const id = newId()
  await tx.db.insert(notes).values({ id, incidentId, authorId: caller.personId, markdown, createdAt: tx.now })
  await record(tx, { actor: caller.actor, type: 'note.written', subject: { kind: 'note', id }, within: incidentId, data: { markdown } })
  return id
}

/** Edits a note of one's own. */
export async function changeNote(
  tx: Tx,
  context: AppContext,
  caller: Caller,
  incidentId: string,
  id: string,
  input: { version: number; markdown: string },
): Promise<void> {
  await lockOpenIncident(tx, context, caller, incidentId)
  const [note] = await tx.db
    .select()
    .from(notes)
    .where(and(eq(notes.id, id), eq(notes.incidentId, incidentId)))
    .for('update')
  if (!note) throw notFound('note')
  if (note.erasure !== null) throw conflict('This note was erased and cannot be edited. Add another one.')
  if (note.authorId !== caller.personId) throw forbidden('Only the author can edit a note. Add your own note instead.')
  assertVersion(note, input.version)
  if (note.markdown === input.markdown) return
  await tx.db
    .update(notes)
    .set({ markdown: input.markdown, editedAt: tx.now, version: note.version + 1 })
    .where(eq(notes.id, id))
  await record(tx, { actor: caller.actor, type: 'note.corrected', subject: { kind: 'note', id }, within: incidentId, data: { markdown: input.markdown } })
}
