import type { RollUp } from '@tocsin/api'
import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { alerts } from '../alerts/index.ts'
import type { Reader } from '../kernel/database.ts'
import { shortened } from '../kernel/text.ts'
import { findIncident } from './incident.ts'
import { incidents, notes, tasks } from './tables.ts'

/** Of each kind so many are shown, the latest; counts are of all. */
const maxShown = 50
const maxChildren = 200
const maxNote = 300

/**
 * What the children of a parent incident have, as far as the viewer may see them. In as many statements for many as for one.
 * @returns with those that are restricted: reading them is on record
 */
export async function rollUp(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  id: string,
): Promise<{ readonly view: RollUp; readonly restrictedIds: readonly string[] }> {
  await findIncident(reader, context, viewer, id)
  const { db } = reader
  const isChild = and(eq(incidents.parentId, id), context.visibility.condition(viewer, incidents.id))
  const maySeeAlert = context.visibility.ofRecord(viewer, 'alert', sql`alerts.id`)
  const rows = await db
    // By their full names: in a select from one table, Drizzle leaves the table's away.
    .select({
      ...{ id: incidents.id, number: incidents.number, title: incidents.title, status: incidents.status, severity: incidents.severity },
      isRestricted: incidents.isRestricted,
      alertCount: sql<number>`(select count(*)::int from alerts where alerts.incident_id = incidents.id and ${maySeeAlert})`,
      openTaskCount: sql<number>`(select count(*)::int from tasks where tasks.incident_id = incidents.id and tasks.done_at is null)`,
      noteCount: sql<number>`(select count(*)::int from notes where notes.incident_id = incidents.id)`,
    })
    .from(incidents)
    .where(isChild)
    .orderBy(asc(incidents.number))
    .limit(maxChildren)
  const incident = { id: incidents.id, number: incidents.number }
  const alertRows = await db
    .select({
      id: alerts.id,
      number: alerts.number,
      title: alerts.title,
      severity: alerts.severity,
      status: alerts.status,
      lastSeenAt: alerts.lastSeenAt,
      incident,
    })
    .from(alerts)
    .innerJoin(incidents, eq(incidents.id, alerts.incidentId))
    .where(and(isChild, maySeeAlert))
    .orderBy(desc(alerts.lastSeenAt), desc(alerts.id))
    .limit(maxShown)
  const taskRows = await db
    .select({ id: tasks.id, title: tasks.title, assignee: people.name, dueOn: tasks.dueOn, incident })
    .from(tasks)
    .innerJoin(incidents, eq(incidents.id, tasks.incidentId))
    .leftJoin(people, eq(people.id, tasks.assigneeId))
    .where(and(isChild, isNull(tasks.doneAt)))
    .orderBy(sql`${tasks.dueOn} nulls last`, asc(tasks.id))
    .limit(maxShown)
  const noteRows = await db
    .select({ id: notes.id, author: people.name, text: sql<string>`left(${notes.markdown}, ${maxNote + 1})`, createdAt: notes.createdAt, incident })
    .from(notes)
    .innerJoin(incidents, eq(incidents.id, notes.incidentId))
    .leftJoin(people, eq(people.id, notes.authorId))
    .where(isChild)
    .orderBy(desc(notes.id))
    .limit(maxShown)
  const view = {
    children: rows.map(({ isRestricted: _, ...child }) => child),
    ...{ alerts: alertRows, tasks: taskRows },
    notes: noteRows.map(note => ({ ...note, author: note.author ?? '', text: shortened(note.text, maxNote) })),
  }
  return { view, restrictedIds: rows.flatMap(child => (child.isRestricted ? [child.id] : [])) }
}
