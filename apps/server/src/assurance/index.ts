import { incidentRoutes, systemRoutes } from '@tocsin/api'
import { type Bindings, type House, process } from '../identity/index.ts'
import type { ClosingConditions } from '../incidents/index.ts'
import { Produced } from '../platform/http.ts'
import { exportIncident, exportWholeJournal } from './exports.ts'

const asFile = (name: string) => ({ 'content-disposition': `attachment; filename="${name}"`, 'cache-control': 'no-store' })

export function openAssurance(house: House, conditions: ClosingConditions): Bindings {
  return [
    process(
      incidentRoutes.exportIncident,
      async (_, { caller, params }) => new Produced(await exportIncident(house, conditions, caller, params.id, 'json'), asFile(`incident-${params.id}.json`)),
    ),
    process(
      incidentRoutes.printIncident,
      async (_, { caller, params }) =>
        new Produced(await exportIncident(house, conditions, caller, params.id, 'html'), {
          ...asFile(`incident-${params.id}.html`),
          'content-type': 'text/html; charset=utf-8',
        }),
    ),
    process(systemRoutes.exportJournal, async (_, { caller }) => new Produced(await exportWholeJournal(house, caller), asFile('tocsin-journal.json'))),
  ]
}
