import { z } from 'zod'
import { ChangingQuery, Day, Id, IdParams, Line, pageOf, Version } from './common.ts'
import { Incident, MyTask } from './incident.ts'
import { atLeast, route } from './route.ts'

/** The tasks of incidents. */
export const incidentTaskRoutes = {
  myTasks: route({
    method: 'GET',
    path: '/api/v1/me/tasks',
    summary: 'List your open tasks in all open incidents, those due first on top',
    access: atLeast('observer', 'incidents:read'),
    query: ChangingQuery,
    reply: pageOf(MyTask),
  }),
  addTask: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/tasks',
    summary: 'Add a task to an incident',
    access: atLeast('responder', 'incidents:write'),
    params: IdParams,
    body: z.object({
      title: Line(300),
      assigneeId: Id.nullable().default(null),
      dueOn: Day.nullable().default(null),
      isBusinessImpacting: z.boolean().default(false),
    }),
    reply: Incident,
    status: 201,
  }),
  changeTask: route({
    method: 'PATCH',
    path: '/api/v1/incidents/{id}/tasks/{taskId}',
    summary: 'Complete, reopen or update a task',
    access: atLeast('responder', 'incidents:write'),
    params: z.object({ id: Id, taskId: Id }),
    body: z.object({
      version: Version,
      title: Line(300).optional(),
      assigneeId: Id.nullable().optional(),
      dueOn: Day.nullable().optional(),
      isDone: z.boolean().optional(),
    }),
    reply: Incident,
  }),
  approveTask: route({
    method: 'POST',
    path: '/api/v1/incidents/{id}/tasks/{taskId}/approve',
    summary: 'Approve a business-impacting task; only the executive sponsor can',
    access: atLeast('observer'),
    params: z.object({ id: Id, taskId: Id }),
    body: z.object({ version: Version }),
    reply: Incident,
  }),
}
