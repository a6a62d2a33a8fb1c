import { reviewRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, query, recordRestrictedRead } from '../access/index.ts'
import type { ClosingConditions, DeclarationEffects } from '../incidents/index.ts'
import { dueJob, listFollowUps, remindOwner, updateFollowUp } from './follow-ups.ts'
import { followRequirement } from './requirement.ts'
import { addFollowUp, finishReview, missingReview, readReviewOf, saveReview, startReview } from './reviews.ts'

export { reviewRecords } from './records.ts'
export { readReviewOf } from './reviews.ts'

export function openReviews(context: AppContext, conditions: ClosingConditions, effects: DeclarationEffects): Bindings {
  effects.add(followRequirement)
  conditions.add(missingReview)
  context.jobs.register(dueJob, { run: (tx, { followUpId }) => remindOwner(tx, context, followUpId) })
  return [
    command(routes.review, async (tx, { caller, params }) => {
      const found = await readReviewOf(tx, context, caller, params.id)
      await recordRestrictedRead(tx, context, caller, params.id)
      return found
    }),
    command(routes.startReview, (tx, { caller, params }) => startReview(tx, context, caller, params.id)),
    command(routes.saveReview, (tx, { caller, params, body }) => saveReview(tx, context, caller, params.id, body)),
    command(routes.addFollowUp, (tx, { caller, params, body }) => addFollowUp(tx, context, caller, params.id, body)),
    command(routes.finishReview, (tx, { caller, params, body }) => finishReview(tx, context, caller, params.id, body.version)),
    query(routes.followUps, (reader, { caller, query }) => listFollowUps(reader, context, caller, query)),
    command(routes.updateFollowUp, (tx, { caller, params, body }) => updateFollowUp(tx, context, caller, params.id, body)),
  ]
}
