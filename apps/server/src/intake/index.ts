import { intakeRoutes as routes } from '@tocsin/api'
import { act, type Bindings, type House, openAct, process, question } from '../identity/index.ts'
import { readFile } from '../platform/files.ts'
import { Produced } from '../platform/http.ts'
import { invalid, notFound } from '../platform/problems.ts'
import { takeAlertmanager } from './alertmanager.ts'
import { takePagerDuty } from './pagerduty.ts'
import { followReport, readReport, recordFileRead, takeReport } from './reports.ts'
import { createSource, listSources, revokeSource } from './sources.ts'

export { takeAlertmanager } from './alertmanager.ts'
export { createSource } from './sources.ts'
export { sources } from './tables.ts'

export function openIntake(house: House): Bindings {
  return [
    question(routes.sources, reader => listSources(reader)),
    act(routes.createSource, (tx, { caller, body }) => createSource(tx, house.messenger.origin, caller.actor, body)),
    act(routes.revokeSource, (tx, { caller, params }) => revokeSource(tx, caller, params.id)),
    openAct(routes.fromAlertmanager, (tx, { params, body }) => takeAlertmanager(tx, house, params.key, body)),
    openAct(routes.fromPagerDuty, (tx, { body }) => {
      if (body.routing_key === undefined) throw invalid('routing_key', 'is required: the key of a source')
      return takePagerDuty(tx, house, body.routing_key, body)
    }),
    openAct(routes.fromPagerDutyAtSource, (tx, { params, body }) => takePagerDuty(tx, house, params.key, body)),
    openAct(routes.report, (tx, { body, files }) => takeReport(tx, house, body, files)),
    openAct(routes.followReport, (tx, { body }) => followReport(tx, house, body.token)),
    act(routes.reportOfAlert, (tx, { caller, params }) => readReport(tx, house, caller, params.id)),
    process(routes.reportFile, async (database, { caller, params }) => {
      // On record first; the content then streams outside the transaction, which must not wait for a slow reader.
      await database.transaction(tx => recordFileRead(tx, house, caller, params.id))
      const file = await readFile(database.reader(), params.id)
      if (!file) throw notFound('file')
      return new Produced(file.content, {
        'content-type': 'application/octet-stream',
        'content-length': String(file.sizeBytes),
        // What somebody uploaded is never opened in our origin.
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
    }),
  ]
}
