import type { MyTask } from '@tocsin/api'
import { and, asc, eq, isNull, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import { type AppContext, people, type Viewer } from '../access/index.ts'
import { changedSince } from '../journal/index.ts'
import type { Instant } from '../kernel/clock.ts'
import { listCursor } from '../kernel/cursor.ts'
import type { Reader } from '../kernel/database.ts'
import { incidents, tasks } from './tables.ts'

const cursor = listCursor('my-tasks', z.tuple([z.union([z.iso.date(), z.literal('infinity')]), z.uuid()]))
/** What has no day comes last. */
const day = sql<string>`coalesce(${tasks.dueOn}, 'infinity'::date)`

/** The open tasks of a person in open incidents that they may see, those due first on top. */
export async function listMyTasks(
  reader: Reader,
  context: AppContext,
  viewer: Viewer,
  personId: string,
  query: { limit: number; cursor?: string | undefined; updatedSince?: Instant | undefined },
): Promise<{ items: MyTask[]; next: string | null }> {
  const after = cursor.read(query.cursor)
  const rows = await reader.db
    .select({ task: tasks, incident: incidents, approvedBy: people.name })
    .from(tasks)
    .innerJoin(incidents, eq(incidents.id, tasks.incidentId))
    .leftJoin(people, eq(people.id, tasks.approvedById))
    .where(
      and(
        eq(tasks.assigneeId, personId),
        isNull(tasks.doneAt),
        ne(incidents.status, 'closed'),
        after && sql`(${day}, ${tasks.id}) > (${after[0]}::date, ${after[1]}::uuid)`,
        changedSince(tasks.id, query.updatedSince),
        context.visibility.condition(viewer, tasks.incidentId),
      ),
    )
    .orderBy(asc(day), asc(tasks.id))
    .limit(query.limit + 1)
  const items = rows.map(({ task, incident, approvedBy }) => ({
    ...{ id: task.id, title: task.title, dueOn: task.dueOn, isBusinessImpacting: task.isBusinessImpacting, approvedBy, version: task.version },
    incident: { id: incident.id, number: incident.number, title: incident.title, isExercise: incident.isExercise },
  }))
  return cursor.page(items, query.limit, ({ dueOn, id }) => [dueOn ?? 'infinity', id])
}
