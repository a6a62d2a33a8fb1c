import { erasureRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command, query } from '../access/index.ts'
import { approveErasure, listErasures, requestErasure, withdrawErasure } from './requests.ts'
import { eraseOutlived, retentionJob, scheduleRetention } from './retention.ts'

/** The erasure of personal data: on request, by two administrators, and when a configured retention ends. */
export function openErasure(context: AppContext): Bindings {
  context.jobs.register(retentionJob, { run: tx => eraseOutlived(tx, context) })
  context.jobs.keep(retentionJob, scheduleRetention)
  return [
    query(routes.erasures, (reader, { caller, query }) => listErasures(reader, context, caller, query)),
    command(routes.requestErasure, (tx, { caller, body }) => requestErasure(tx, context, caller, body)),
    command(routes.approveErasure, (tx, { caller, params }) => approveErasure(tx, context, caller, params.id)),
    command(routes.withdrawErasure, (tx, { caller, params, body }) => withdrawErasure(tx, context, caller, params.id, body.reason)),
  ]
}
