import { organizationRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, query } from '../access/index.ts'
import { applyOrganization } from './apply.ts'
import { planOf } from './plan.ts'
import { readOrganization } from './read.ts'

/** The organization on call as files: what there is, what files would change, and the change itself, in one transaction. */
export function openOrganization(context: AppContext): Bindings {
  return [
    query(routes.exportOrganization, reader => readOrganization(reader)),
    command(routes.applyOrganization, async (tx, { caller, body }) => {
      const plan = planOf(await readOrganization(tx), body.organization, tx.now)
      if (!body.isPlanOnly) await applyOrganization(tx, context, caller, body.organization, plan)
      return plan
    }),
  ]
}
