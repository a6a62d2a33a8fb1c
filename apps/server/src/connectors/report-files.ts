import type { ReportFile } from '@tocsin/api'
import { and, asc, eq } from 'drizzle-orm'
import { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { alerts, receiveAlerts } from '../alerts/index.ts'
import { record, system } from '../journal/index.ts'
import { addDays, addMinutes } from '../kernel/clock.ts'
import type { Config } from '../kernel/config.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { readFile } from '../kernel/files.ts'
import { defineJob, housekeepingLane, scansLane } from '../kernel/jobs/lanes.ts'
import { keysOf, schedule } from '../kernel/jobs/schedule.ts'
import { notFound } from '../kernel/problems.ts'
import { hasScanner, scan } from '../kernel/scan.ts'
import { fileChunks, files } from '../kernel/tables.ts'
import { reportFiles, reports } from './tables.ts'

const OfFile = z.object({ id: z.uuid() })
const scanJob = defineJob({ kind: 'report-files.scan', lane: scansLane, data: OfFile })
const removalJob = defineJob({ kind: 'report-files.remove-infected', lane: housekeepingLane, data: OfFile })
/** Attempts, some minutes in all, until administrators are paged because the scanner fails. Then it is tried again after a longer rest. */
const attempts = 10
const restMinutes = 15
const alarmKey = 'file-scanner'
/** An infected file is evidence for so long. */
const quarantineDays = 30

type Scan = ReportFile['scan']

/** Without a scanner, a file is as it was sent; with one, nobody gets it before it was found clean. */
function scanOf(config: Config, found: 'clean' | 'infected' | 'removed' | null): Scan {
  return found ?? (hasScanner(config) ? 'pending' : 'not-scanned')
}

export async function filesOf(reader: Reader, config: Config, reportId: string): Promise<ReportFile[]> {
  const rows = await reader.db
    .select({ id: files.id, name: files.name, sizeBytes: files.sizeBytes, scan: files.scan })
    .from(reportFiles)
    .innerJoin(files, eq(files.id, reportFiles.fileId))
    .where(eq(reportFiles.reportId, reportId))
    .orderBy(asc(files.id))
  return rows.map(file => ({ ...file, scan: scanOf(config, file.scan) }))
}

const refusals: Partial<Record<Scan, string>> = {
  pending: 'This file was not scanned for malware yet. Try again in a minute.',
  infected: 'The scanner found malware in this file. It is kept as evidence, and cannot be downloaded.',
  removed: 'The scanner found malware in this file, and it was removed.',
}

/**
 * Puts on record that a file of a report is read, if the caller may.
 * @returns what keeps it from being read, a sentence; undefined where nothing does
 */
export async function recordFileRead(tx: Tx, context: AppContext, caller: Caller, fileId: string): Promise<string | undefined> {
  const [found] = await tx.db
    .select({ reportId: reports.id, within: alerts.incidentId, scan: files.scan })
    .from(reportFiles)
    .innerJoin(files, eq(files.id, reportFiles.fileId))
    .innerJoin(reports, eq(reports.id, reportFiles.reportId))
    .innerJoin(alerts, eq(alerts.id, reports.alertId))
    .where(and(eq(reportFiles.fileId, fileId), context.visibility.condition(caller, alerts.incidentId)))
  if (!found) throw notFound('file')
  const refusal = refusals[scanOf(context.config, found.scan)]
  // Files from before a scanner was configured are scanned when somebody asks for them.
  if (found.scan === null) await scheduleScans(tx, context.config, [fileId])
  if (refusal === undefined)
    await record(tx, { actor: caller.actor, type: 'report-file.read', subject: { kind: 'report', id: found.reportId }, within: found.within, data: { fileId } })
  return refusal
}

/** Has files scanned, where there is a scanner and they do not wait for it already. */
export async function scheduleScans(tx: Tx, config: Config, ids: readonly string[]): Promise<void> {
  if (!hasScanner(config)) return
  const waiting = await keysOf(
    tx,
    ids.map(id => `${scanJob.kind} ${id}`),
  )
  for (const id of ids) if (!waiting.has(`${scanJob.kind} ${id}`)) await scheduleScan(tx, id)
}

const scheduleScan = (tx: Tx, id: string, runAt = tx.now) => schedule(tx, { kind: scanJob, key: `${scanJob.kind} ${id}`, runAt, data: { id } })

/** The report of a file, and the incident that it belongs to. */
async function reportOf({ db }: Reader, fileId: string) {
  const [found] = await db
    .select({ reportId: reports.id, reference: reports.reference, within: alerts.incidentId, name: files.name, scan: files.scan })
    .from(reportFiles)
    .innerJoin(files, eq(files.id, reportFiles.fileId))
    .innerJoin(reports, eq(reports.id, reportFiles.reportId))
    .innerJoin(alerts, eq(alerts.id, reports.alertId))
    .where(eq(reportFiles.fileId, fileId))
  return found
}

/** Keeps what the scanner found. Malware in a file of a report that is in no incident yet is an alert of its own; later, it is in the incident's timeline. */
async function keepResult(tx: Tx, context: AppContext, fileId: string, result: 'clean' | 'infected'): Promise<void> {
  const found = await reportOf(tx, fileId)
  if (found?.scan !== null) return
  await tx.db.update(files).set({ scan: result, scannedAt: tx.now }).where(eq(files.id, fileId))
  const { reportId, reference, within, name } = found
  await record(tx, { actor: system, type: 'report-file.scanned', subject: { kind: 'report', id: reportId }, within, data: { fileId, name, result } })
  await context.alarms.resolve(tx, alarmKey)
  if (result === 'clean') return
  await schedule(tx, { kind: removalJob, key: `${removalJob.kind} ${fileId}`, runAt: addDays(tx.now, quarantineDays), data: { id: fileId } })
  if (within !== null) return
  await receiveAlerts(tx, context, system, 'reports', [
    {
      ...{ title: `Malware in a file of report ${reference}`, severity: 'medium', source: 'file scanner', serviceId: null },
      ...{ labels: {}, links: [], observables: [], dedupKey: `scan ${reportId}` },
      description: `The scanner found malware in a file that was sent with report ${reference}. The file cannot be downloaded, and is removed after ${quarantineDays} days.`,
    },
  ])
}

async function removeInfected(tx: Tx, fileId: string): Promise<void> {
  const found = await reportOf(tx, fileId)
  if (found?.scan !== 'infected') return
  await tx.db.delete(fileChunks).where(eq(fileChunks.fileId, fileId))
  await tx.db.update(files).set({ scan: 'removed' }).where(eq(files.id, fileId))
  const { reportId, within, name } = found
  await record(tx, { actor: system, type: 'report-file.removed', subject: { kind: 'report', id: reportId }, within, data: { fileId, name } })
}

/** The jobs of the scanner, and of the end of what it found. */
export function openReportFiles(context: AppContext): void {
  context.jobs.registerCall(scanJob, {
    attempts,
    async before({ id }, { signal }) {
      const file = hasScanner(context.config) ? await readFile(context.database.reader(), context.secrets, id) : undefined
      return file && scan(context.config, file.content, signal)
    },
    async run(tx, { id }, result) {
      if (result !== undefined) await keepResult(tx, context, id, result)
    },
    async giveUp(tx, { id }, error) {
      await context.alarms.raise(tx, {
        key: alarmKey,
        title: 'Files cannot be scanned for malware',
        summary: `TOCSIN_SCAN_COMMAND fails (${error}). Files of reports cannot be downloaded until they are scanned; it is tried again.`,
      })
      await scheduleScan(tx, id, addMinutes(tx.now, restMinutes))
    },
  })
  context.jobs.register(removalJob, { run: (tx, { id }) => removeInfected(tx, id) })
}
