import { organizationRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, listPeople, query } from '../access/index.ts'
import { applyOrganization } from './apply.ts'
import { namedPeople, planOf } from './plan.ts'
import { readOrganization } from './read.ts'

/** The organization on call as files: what there is, what files would change, and the change itself, in one transaction. */
export function openOrganization(context: AppContext): Bindings {
  return [
    query(routes.exportOrganization, reader => readOrganization(reader)),
    command(routes.applyOrganization, async (tx, { caller, body }) => {
      const named = namedPeople(body.organization)
      const left = (await listPeople(tx)).filter(person => !person.isActive && named.has(person.email))
      const plan = planOf(await readOrganization(tx), body.organization, tx.now, new Set(left.map(person => person.email)))
      if (!body.isPlanOnly) await applyOrganization(tx, context, caller, { wanted: body.organization, plan, left })
      return plan
    }),
  ]
}
