import { organizationRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, listPeople, query } from '../access/index.ts'
import { holdLock, holdSnapshot } from '../kernel/database.ts'
import { applyOrganization } from './apply.ts'
import { namedPeople, planOf } from './plan.ts'
import { readOrganization } from './read.ts'

/** The organization on call as files: what there is, what files would change, and the change itself, in one transaction. */
export function openOrganization(context: AppContext): Bindings {
  return [
    // Of one moment: what was renamed between two statements would have no name.
    query(routes.exportOrganization, () =>
      context.database.transaction(async tx => {
        await holdSnapshot(tx)
        return readOrganization(tx)
      }),
    ),
    command(routes.applyOrganization, async (tx, { caller, body }) => {
      // Nothing is renamed between what is read of it, nor between the plan and what it does.
      await holdLock(tx, 'organization')
      const named = namedPeople(body.organization)
      const left = (await listPeople(tx)).filter(person => !person.isActive && named.has(person.email))
      const plan = planOf(await readOrganization(tx), body.organization, tx.now, new Set(left.map(person => person.email)))
      if (!body.isPlanOnly) await applyOrganization(tx, context, caller, { wanted: body.organization, plan, left })
      return plan
    }),
  ]
}
