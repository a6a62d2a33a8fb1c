import { reviewRoutes as routes } from '@tocsin/api'
import { act, type Bindings, type House, question } from '../identity/index.ts'
import type { ClosingConditions } from '../incidents/index.ts'
import {
  addImprovement,
  dueJob,
  finishReview,
  listImprovements,
  missingReview,
  readReviewOf,
  remindOwner,
  reviewImprovement,
  saveReview,
  startReview,
} from './reviews.ts'

export { readReviewOf } from './reviews.ts'

export function openReviews(house: House, conditions: ClosingConditions): Bindings {
  conditions.add(missingReview)
  house.jobs.register<{ improvementId: string }>(dueJob, { run: (tx, { improvementId }) => remindOwner(tx, house, improvementId) })
  return [
    question(routes.review, (reader, { caller, params }) => readReviewOf(reader, house, caller, params.id)),
    act(routes.startReview, (tx, { caller, params }) => startReview(tx, house, caller, params.id)),
    act(routes.saveReview, (tx, { caller, params, body }) => saveReview(tx, house, caller, params.id, body)),
    act(routes.addImprovement, (tx, { caller, params, body }) => addImprovement(tx, house, caller, params.id, body)),
    act(routes.finishReview, (tx, { caller, params, body }) => finishReview(tx, house, caller, params.id, body.version)),
    question(routes.improvements, (reader, { caller, query }) => listImprovements(reader, house, caller, query.view)),
    act(routes.reviewImprovement, (tx, { caller, params, body }) => reviewImprovement(tx, house, caller, params.id, body)),
  ]
}
