import { erasedText } from '@tocsin/merkle'
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { AppContext } from '../access/index.ts'
import { notFound } from '../kernel/problems.ts'
import { incidents, notes } from './tables.ts'

/** Says how notes are erased, and what is written of affected persons: the summary of an incident and the description of the affected data. */
export function defineErasables(context: AppContext): void {
  context.erasables.define('note', {
    subject: 'note',
    async find(reader, target, viewer) {
      const [note] = await reader.db
        .select({ id: notes.id, incidentId: notes.incidentId })
        .from(notes)
        .where(and(eq(notes.id, target), context.visibility.condition(viewer, notes.incidentId)))
      if (!note) throw notFound('note')
      return { ids: [note.id], within: [note.incidentId] }
    },
    async erase(tx, ids, erasure) {
      await tx.db
        .update(notes)
        .set({ markdown: erasedText, erasure, version: sql`${notes.version} + 1` })
        .where(inArray(notes.id, [...ids]))
    },
  })
  context.erasables.define('incident', {
    subject: 'incident',
    async find(reader, target, viewer) {
      const [incident] = await reader.db
        .select({ id: incidents.id })
        .from(incidents)
        .where(and(eq(incidents.id, target), context.visibility.condition(viewer, incidents.id)))
      if (!incident) throw notFound('incident')
      return { ids: [incident.id], within: [incident.id] }
    },
    async erase(tx, ids) {
      const described = sql`${incidents.dataTouched} ->> 'description'`
      await tx.db
        .update(incidents)
        .set({
          summary: sql`case when ${incidents.summary} = '' then '' else ${erasedText}::text end`,
          dataTouched: sql`case when ${described} = '' then ${incidents.dataTouched} else jsonb_set(${incidents.dataTouched}, '{description}', to_jsonb(${erasedText}::text)) end`,
          version: sql`${incidents.version} + 1`,
        })
        .where(inArray(incidents.id, [...ids]))
    },
  })
}
