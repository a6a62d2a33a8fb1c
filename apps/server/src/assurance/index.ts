import { incidentRoutes, systemRoutes } from '@tocsin/api'
import { type AppContext, type Bindings, workflow } from '../access/index.ts'
import type { ClosingConditions } from '../incidents/index.ts'
import { Produced } from '../kernel/http.ts'
import { exportIncident, exportWholeJournal } from './exports.ts'
import { assertDutiesAsRecorded, openReconciler } from './reconcile.ts'

const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}"`, 'cache-control': 'no-store' })

export function openAssurance(context: AppContext, conditions: ClosingConditions): Bindings {
  openReconciler(context)
  conditions.guard(id => assertDutiesAsRecorded(context, id))
  return [
    workflow(
      incidentRoutes.exportIncident,
      async (database, { caller, params }) =>
        new Produced(await exportIncident({ ...context, database }, conditions, caller, params.id, 'json'), asFile(`incident-${params.id}.json`)),
    ),
    workflow(
      incidentRoutes.printIncident,
      async (database, { caller, params }) =>
        new Produced(await exportIncident({ ...context, database }, conditions, caller, params.id, 'html'), {
          ...asFile(`incident-${params.id}.html`),
          'content-type': 'text/html; charset=utf-8',
        }),
    ),
    workflow(
      systemRoutes.exportJournal,
      async (database, { caller }) => new Produced(await exportWholeJournal({ ...context, database }, caller), asFile('tocsin-journal.json')),
    ),
  ]
}
