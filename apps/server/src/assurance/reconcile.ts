import type { Difference, StoredRecord } from '@tocsin/events/fold'
import { asc, gt } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext } from '../access/index.ts'
import { incidentRecords, incidents } from '../incidents/index.ts'
import { compareWithEntries, countFoldable, refuseAltered, reportDifferences } from '../journal/index.ts'
import { addDays, type Instant } from '../kernel/clock.ts'
import { holdSnapshot, type Reader, type Tx } from '../kernel/database.ts'
import type { Finding } from '../kernel/finding.ts'
import { defineJob, housekeepingLane } from '../kernel/jobs/lanes.ts'
import { schedule } from '../kernel/jobs/schedule.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import { noticeRecords } from '../notices/index.ts'
import { reviewRecords } from '../reviews/index.ts'
import { nextMissing } from './missing.ts'

/** Incidents compared in one run, and entries folded in it; one incident is compared however many it has. */
const maxIncidents = 50
const maxEntries = 20_000

/**
 * `after`: the incident to go on from; `altered`: how many were found to differ so far in this round. `opened`: once all that are stored were compared, the number of the audit
 * log from which to go on with those that were opened.
 */
const reconcileData = z.object({ after: z.uuid().nullable(), altered: z.int(), opened: z.int().optional() })

export const reconcileJob = defineJob({ kind: 'assurance.reconcile', lane: housekeepingLane, data: reconcileData })

/** How many incidents differed in the last round. */
const settingName = 'altered-incidents'

/** Everything that is stored of some incidents and that entries tell of. */
async function storedRecords(reader: Reader, ids: readonly string[]): Promise<(StoredRecord & { readonly incidentId: string })[]> {
  return [...(await incidentRecords(reader, ids)), ...(await noticeRecords(reader, ids)), ...(await reviewRecords(reader, ids))]
}

/** An incident as the tables have it, and what of that differs from its entries. The transaction holds a snapshot. */
export async function compareIncident(tx: Tx, id: string): Promise<{ records: StoredRecord[]; differences: Difference[] }> {
  const stored = await storedRecords(tx, [id])
  const differences = (await compareWithEntries(tx, [id], stored)).get(id) ?? []
  return { records: stored.map(({ incidentId: _, ...record }) => record), differences }
}

/** What an incident hangs on when it is closed: whether a review is required follows from its class, data and customers. */
const closingKinds = ['incident', 'task', 'obligation', 'notice', 'review']

/**
 * An incident is closed because its tasks were done, its obligations met or waived, and its review finished where it needs one, by acts that are on record.
 * @throws AppProblem conflict that names what differs, after the administrators were paged
 */
export async function assertDutiesAsRecorded(context: AppContext, id: string): Promise<void> {
  const { differences } = await context.database.transaction(async tx => {
    await holdSnapshot(tx)
    return compareIncident(tx, id)
  })
  const found = differences.filter(({ kind }) => closingKinds.includes(kind))
  if (found.length > 0) await refuseAltered(context, id, found)
}

/** The next incidents after one, as many as one run compares. */
async function nextIncidents(reader: Reader, after: string | null): Promise<string[]> {
  const rows = await reader.db
    .select({ id: incidents.id })
    .from(incidents)
    .where(after === null ? undefined : gt(incidents.id, after))
    .orderBy(asc(incidents.id))
    .limit(maxIncidents)
  const ids = rows.map(({ id }) => id)
  const counts = await countFoldable(reader, ids)
  let entries = 0
  return ids.filter((id, place) => {
    entries += counts.get(id) ?? 0
    return place === 0 || entries <= maxEntries
  })
}

/** Compares the next incidents with their entries, and reports what differs. @returns the last of them, and how many differ; undefined after the last */
async function reconcileNext(context: AppContext, after: string | null): Promise<{ last: string; altered: number } | undefined> {
  const found = await context.database.transaction(async tx => {
    await holdSnapshot(tx)
    const ids = await nextIncidents(tx, after)
    return compareWithEntries(tx, ids, await storedRecords(tx, ids))
  })
  const last = [...found.keys()].at(-1)
  if (last === undefined) return undefined
  await context.database.transaction(tx => reportDifferences(tx, context.alarms, found))
  return { last, altered: [...found.values()].filter(({ length }) => length > 0).length }
}

/**
 * Once a day every incident is compared with its entries, and every one that was opened is looked for, some in a run, each run going on where the one before ended: the
 * tables are a reading, the journal is the record.
 */
export function openReconciler(context: AppContext): void {
  context.jobs.register(reconcileJob, {
    async run(tx, { after, altered, opened }) {
      if (opened === undefined) {
        const found = await reconcileNext(context, after)
        if (found !== undefined) return scheduleReconciler(tx, tx.now, { after: found.last, altered: altered + found.altered })
      }
      const next = await nextMissing(tx, opened ?? 0)
      if (next !== undefined) {
        await reportDifferences(tx, context.alarms, next.missing, false)
        return scheduleReconciler(tx, tx.now, { after, altered: altered + next.missing.size, opened: next.after })
      }
      await saveSetting(tx, settingName, altered)
      await scheduleReconciler(tx)
    },
  })
  context.jobs.keep(reconcileJob, scheduleReconciler)
  context.health.add('incident records', async () => findAltered(context.database.reader()))
}

function scheduleReconciler(tx: Tx, runAt: Instant = addDays(tx.now, 1), data: z.output<typeof reconcileData> = { after: null, altered: 0 }) {
  return schedule(tx, { kind: reconcileJob, key: reconcileJob.kind, runAt, data })
}

async function findAltered(reader: Reader): Promise<Finding | undefined> {
  const altered = (await readSetting(reader, settingName, z.int())) ?? 0
  if (altered === 0) return undefined
  const differing = altered === 1 ? 'An incident differs' : `${altered} incidents differ`
  return { severity: 'degraded', detail: `${differing} from the audit log. Its entries say which; the audit log holds what is right.` }
}
