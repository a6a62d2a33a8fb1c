import { z } from 'zod'
import { ChangingQuery, Id, IdParams, pageOf, Text, Version } from './common.ts'
import { Incident, Note } from './incident.ts'
import { atLeast, route } from './route.ts'

/** The notes of an incident. */
export const incidentNoteRoutes = {
  incidentNotes: route({
    method: 'GET',
    path: '/api/v1/incidents/{id}/notes',
    summary: 'List the notes of an incident, newest first; access to a restricted incident is kept in the audit log',
    access: atLeast('observer', 'incidents:read'),
    params: IdParams,
    query: ChangingQuery,
    reply: pageOf(Note),
    isReadRecorded: true,
  }),
  addNote: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/notes',
    summary: 'Add a note (Markdown)',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({ markdown: Text(50_000) }),
    reply: Incident,
    status: 201,
  }),
  changeNote: route({
    method: 'PATCH',
    path: '/api/v1/incidents/{id}/notes/{noteId}',
    summary: 'Edit your own note; the audit log keeps the previous text',
    access: atLeast('responder', 'incidents:write'),
    params: z.object({ id: Id, noteId: Id }),
    body: z.object({ version: Version, markdown: Text(50_000) }),
    reply: Incident,
  }),
}
