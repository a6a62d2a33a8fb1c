import { organisationRoutes as routes } from '@tocsin/api'
import { act, type Bindings, type House, question } from '../identity/index.ts'
import { applyOrganisation } from './apply.ts'
import { planOf } from './plan.ts'
import { readOrganisation } from './read.ts'

/** The organisation on call as files: what there is, what files would change, and the change itself, in one transaction. */
export function openOrganisation(house: House): Bindings {
  return [
    question(routes.exportOrganisation, reader => readOrganisation(reader)),
    act(routes.applyOrganisation, async (tx, { caller, body }) => {
      const plan = planOf(await readOrganisation(tx), body.organisation, tx.now)
      if (!body.isPlanOnly) await applyOrganisation(tx, house, caller, body.organisation, plan)
      return plan
    }),
  ]
}
