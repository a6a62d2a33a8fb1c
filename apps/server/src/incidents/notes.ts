import { and, eq } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { record } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { forbidden, notFound } from '../kernel/problems.ts'
import { assertVersion, lockOpenIncident } from './incident.ts'
import { notes } from './tables.ts'

/** Writes a note. The journal holds its text, so that edits keep the original. */
export async function addNote(tx: Tx, context: AppContext, caller: Caller, incidentId: string, markdown: string): Promise<void> {
  await lockOpenIncident(tx, context, caller, incidentId)
  const id = newId()
  await tx.db.insert(notes).values({ id, incidentId, authorId: caller.personId, markdown, createdAt: tx.now })
  await record(tx, { actor: caller.actor, type: 'note.written', subject: { kind: 'note', id }, within: incidentId, data: { markdown } })
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
  if (note.authorId !== caller.personId) throw forbidden('Only the author can edit a note. Add your own note instead.')
  assertVersion(note, input.version)
  if (note.markdown === input.markdown) return
  await tx.db
    .update(notes)
    .set({ markdown: input.markdown, editedAt: tx.now, version: note.version + 1 })
    .where(eq(notes.id, id))
  await record(tx, { actor: caller.actor, type: 'note.corrected', subject: { kind: 'note', id }, within: incidentId, data: { markdown: input.markdown } })
}
