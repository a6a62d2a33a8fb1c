import { documentDigest } from '@tocsin/merkle'
import { eq } from 'drizzle-orm'
import type { Caller, House } from '../identity/index.ts'
import { type ClosingConditions, incidents, selectionOf } from '../incidents/index.ts'
import { exportJournal, latestCheckpoint, record, type Selection } from '../journal/index.ts'
import { newId } from '../platform/ids.ts'
import { AppProblem, notFound } from '../platform/problems.ts'
import { incidentPage } from './incident-page.ts'
import { readRecord } from './incident-record.ts'

/** The whole record of an incident in one JSON file that proves itself, or as a readable page. The export is itself on record. */
export async function exportIncident(house: House, conditions: ClosingConditions, caller: Caller, id: string, form: 'json' | 'html'): Promise<string> {
  const exportId = newId()
  const { document, selection } = await house.database.transaction(async tx => {
    const [exists] = await tx.db.select({ id: incidents.id }).from(incidents).where(eq(incidents.id, id))
    if (!exists) throw notFound('incident')
    const document = await readRecord(tx, house, conditions, caller, id)
    await record(tx, {
      actor: caller.actor,
      type: 'incident.exported',
      subject: { kind: 'export', id: exportId },
      within: id,
      data: { form, documentSha256: documentDigest(document) },
    })
    return {
      document,
      selection: await selectionOf(
        tx,
        id,
        document.incident.alerts.map(alert => alert.id),
      ),
    }
  })
  const file = await whenSealed(house, selection, document, exportId)
  if (form === 'json') return file
  return incidentPage(document, {
    digest: documentDigest(document),
    checkpoint: (await latestCheckpoint(house.database.reader()))?.note ?? '',
    key: house.sealer.key,
  })
}

/** The whole journal in one file that proves itself. */
export async function exportWholeJournal(house: House, caller: Caller): Promise<string> {
  const exportId = newId()
  const document = await house.database.transaction(async tx => {
    const document = { exportedAt: tx.now, exportedBy: caller.actor.name }
    await record(tx, {
      actor: caller.actor,
      type: 'journal.exported',
      subject: { kind: 'export', id: exportId },
      data: { documentSha256: documentDigest(document) },
    })
    return document
  })
  return whenSealed(house, 'all', document, exportId)
}

const patienceMs = 15_000

/** The sealer follows the journal within moments; the export waits until the entry of its own is under a signed checkpoint. */
async function whenSealed(house: House, selection: Selection | 'all', document: unknown, exportId: string): Promise<string> {
  for (let waited = 0; waited < patienceMs; waited += 20) {
    const file = await exportJournal(house.database.reader(), house.sealer, selection, document, exportId)
    if (file !== undefined) return file
    house.followers.wake()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new AppProblem('unavailable', 'The journal is being sealed more slowly than usual. Try the export again in a minute.')
}
