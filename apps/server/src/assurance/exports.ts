import { Readable } from 'node:stream'
import { digest, selectionDigest } from '@tocsin/merkle'
import type { SQL } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { type ClosingConditions, selectionOf } from '../incidents/index.ts'
import { entryColumns, exportJournal, latestCheckpoint, partForeign, readEntries, record, reportDifferences } from '../journal/index.ts'
import { holdSnapshot } from '../kernel/database.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem } from '../kernel/problems.ts'
import { incidentPage } from './incident-page.ts'
import { readRecord } from './incident-record.ts'
import { allMissing } from './missing.ts'

/** The whole record of an incident in one JSON file that proves itself, or as a readable page. The export is itself on record. */
export async function exportIncident(
  context: AppContext,
  conditions: ClosingConditions,
  caller: Caller,
  id: string,
  form: 'json' | 'html',
): Promise<string | Readable> {
  const exportId = newId()
  const { document, entryIds, differences } = await context.database.transaction(async tx => {
    await holdSnapshot(tx)
    const { differences, ...read } = await readRecord(tx, context, conditions, caller, id)
    // What somebody else wrote is named, and proves nothing: who verifies the file cannot tell it from the rest, as the key of its MAC is not there.
    const { own, foreign } = await partForeign(tx, await readEntries(tx, await selectionOf(tx, id, read.incident.alerts)))
    const document = { ...read, foreign }
    const selection = { entries: own.length, sha256: selectionDigest(own.map(({ bodyHash }) => bodyHash)) }
    await record(tx, {
      actor: caller.actor,
      type: 'incident.exported',
      subject: { kind: 'export', id: exportId },
      within: id,
      data: { form, documentSha256: digest(document), selection },
    })
    return { document, entryIds: own.map(entry => entry.id), differences }
  })
  await context.database.transaction(tx => reportDifferences(tx, context.alarms, new Map([[id, differences]])))
  // What names another incident that the caller may not see stays, so that nothing is missing, without its body.
  const file = await whenSealed(context, entryIds, document, exportId, context.visibility.ofEntry(caller, entryColumns))
  if (form === 'json') return file
  return incidentPage(document, {
    digest: digest(document),
    checkpoint: (await latestCheckpoint(context.database.reader()))?.note ?? '',
    key: context.sealer.key,
  })
}

/** The whole journal, without the bodies that the caller may not see, in one file that proves itself and names the incidents that are missing from the tables. */
export async function exportWholeJournal(context: AppContext, caller: Caller): Promise<Readable> {
  const exportId = newId()
  const missing = await allMissing(context.database.reader())
  const document = await context.database.transaction(async tx => {
    await reportDifferences(tx, context.alarms, missing, false)
    const document = { exportedAt: tx.now, exportedBy: caller.actor.name, scope: 'all', missing: [...missing.keys()] }
    await record(tx, {
      actor: caller.actor,
      type: 'journal.exported',
      subject: { kind: 'export', id: exportId },
      data: { documentSha256: digest(document) },
    })
    return document
  })
  // Nothing is missing from it; of restricted incidents that the administrator may not see it has no bodies.
  return whenSealed(context, 'all', document, exportId, context.visibility.ofEntry(caller, entryColumns))
}

const patienceMs = 15_000

/** The sealer follows the journal within moments; the export waits until the entry of its own is under a signed checkpoint. */
async function whenSealed(context: AppContext, entryIds: readonly string[] | 'all', document: unknown, exportId: string, shown: SQL): Promise<Readable> {
  for (let waited = 0; waited < patienceMs; waited += 20) {
    const pieces = await exportJournal(context.database, context.sealer, entryIds, document, exportId, shown)
    if (pieces !== undefined) return Readable.from(pieces)
    context.readers.wake()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new AppProblem('unavailable', 'Sealing the audit log is taking longer than usual. Try again in a minute.')
}
