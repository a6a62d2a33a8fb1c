import { z } from 'zod'
import { At, Text, Version } from './common.ts'
import { IncidentClass } from './incident.ts'
import { atLeast, route } from './route.ts'

export const ClassDefinition = z
  .object({ class: IncidentClass, name: z.string(), text: z.string(), version: Version, changedBy: z.string(), changedAt: At })
  .meta({ id: 'ClassDefinition' })

/** What the organization's incident classes mean. */
export const incidentClassRoutes = {
  classDefinitions: route({
    method: 'GET',
    path: '/api/v1/incident-classes',
    summary: "List the organization's incident class definitions",
    access: atLeast('observer', 'incidents:read'),
    reply: z.array(ClassDefinition),
  }),
  defineClass: route({
    method: 'PUT',
    path: '/api/v1/incident-classes/{class}',
    summary: 'Save a new version of a class definition; earlier versions are kept',
    access: atLeast('administrator'),
    params: z.object({ class: IncidentClass }),
    body: z.object({ version: Version, text: Text(8_000) }),
    reply: z.array(ClassDefinition),
  }),
}
