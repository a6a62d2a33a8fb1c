import { randomInt } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { defang, maxObservables, observablesIn, type ReportInput, type ReportView } from '@tocsin/api'
import { and, eq, isNull } from 'drizzle-orm'
import type { z } from 'zod'
import type { AppContext, Caller } from '../access/index.ts'
import { alerts, readAlert, receiveAlerts } from '../alerts/index.ts'
import { type Actor, record } from '../journal/index.ts'
import { addDays } from '../kernel/clock.ts'
import { holdLock, type Reader, type Tx } from '../kernel/database.ts'
import { keepFile, type ReceivedFile } from '../kernel/files.ts'
import type { UploadChecks } from '../kernel/form.ts'
import { newId } from '../kernel/ids.ts'
import { AppProblem, notFound } from '../kernel/problems.ts'
import { openToken, signToken } from '../kernel/secrets.ts'
import { storable } from '../kernel/text.ts'
import { filesOf, scheduleScans } from './report-files.ts'
import { assertCode, assertOpen, assertWithinLimits, originOfReport, pagingOf, reportSettings } from './report-limits.ts'
import { reportFiles, reports } from './tables.ts'

type Input = z.output<typeof ReportInput>

// Without 0, O, 1, I and L: people read references out on the phone.
const letters = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'
const newReference = () => `R-${Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('')}`

/** What refuses a report before its files are received, so that it does not fill the disk. */
export function reportUploads(context: AppContext): UploadChecks {
  return {
    beforeBody: async (reader, { ip, bytes }) => {
      assertOpen(context.config)
      await assertWithinLimits(reader, originOfReport(context.secrets, ip), bytes)
    },
    beforeFiles: ({ code = '' }) => assertCode(context.config, code.trim()),
  }
}

/**
 * Takes a report: an alert of the kind "report" in the queue. A customer's pages the security team, because it may start a contract's
 * clock; an employee's waits in the queue. Strangers send them: they are counted, and nothing that they wrote is a link in a message of ours.
 * @param ip the address that it comes from
 * @throws AppProblem where the form is closed, the code is wrong, or too much was reported
 */
export async function takeReport(
  tx: Tx,
  context: AppContext,
  { code, ...input }: Input,
  received: readonly ReceivedFile[],
  ip: string,
): Promise<{ reference: string; link: string }> {
  assertOpen(context.config)
  assertCode(context.config, code)
  const id = newId()
  const origin = originOfReport(context.secrets, ip)
  let fileBytes = 0
  for (const { path } of received) fileBytes += (await stat(path)).size
  // Once before anything is stored, and once when nobody else is counting.
  await assertWithinLimits(tx, origin, fileBytes)
  const reference = newReference()
  const kept = []
  for (const file of received) kept.push(await keepFile(tx, context.secrets, file))
  await holdLock(tx, 'reports')
  await assertWithinLimits(tx, origin, fileBytes)
  const paging = input.audience === 'customer' ? await pagingOf(tx) : undefined
  const actor: Actor = { kind: 'reporter', id: null, name: input.audience === 'customer' ? 'A customer' : 'An employee' }
  const firstLine = input.text.split('\n')[0]?.trim() ?? ''
  const [alert] = await receiveAlerts(tx, context, actor, 'reports', [
    {
      kind: 'report',
      title: `Report ${reference}: ${storable(defang(firstLine), 160)}`,
      severity: input.audience === 'customer' ? 'high' : 'medium',
      source: `${input.audience} report`,
      labels: {},
      links: [],
      description: input.text,
      observables: observablesIn(input.text).slice(0, maxObservables),
      serviceId: null,
      ...(paging?.kind === 'bundle' ? { page: bundleOf(paging.count) } : paging?.kind === 'none' ? { page: 'none' as const } : {}),
    },
  ])
  if (!alert) throw new Error('a report makes an alert')
  await tx.db.insert(reports).values({ ...input, id, reference, receivedAt: tx.now, alertId: alert.id, origin, fileBytes, paging: paging?.kind ?? null })
  if (kept.length > 0) await tx.db.insert(reportFiles).values(kept.map(file => ({ reportId: id, fileId: file.id })))
  await scheduleScans(
    tx,
    context.config,
    kept.map(file => file.id),
  )
  await record(tx, {
    actor,
    type: 'report.received',
    subject: { kind: 'report', id },
    data: { reference, audience: input.audience, alertId: alert.id, files: kept.map(({ name, sizeBytes, sha256 }) => ({ name, sizeBytes, sha256 })) },
  })
  return { reference, link: `${context.messenger.origin}/r/${signToken(context.secrets, 'report', [id])}` }
}

/** The page that stands for all customer reports of an hour beyond the first ones. */
const bundleOf = (count: number) => ({
  title: `${count} customer reports within an hour`,
  summary: `${count} customer reports were received within an hour. Further ones do not page for an hour: look at the triage queue. If they are abuse, the form can be closed or asked to require a code (TOCSIN_REPORT_FORM, TOCSIN_REPORT_CODE).`,
})

const explanations: Record<ReportView['stage'], string> = {
  received: 'The security team received your report and will review it.',
  'being-looked-at': 'The security team is reviewing your report.',
  'under-investigation': 'Your report is under investigation. We will contact you if we need more information.',
  closed: 'The security team has closed your report. Thank you.',
}

/** The status of a report, in words that give nothing of an investigation away. */
export async function followReport(reader: Reader, context: AppContext, token: string): Promise<ReportView> {
  const [id] = openToken(context.secrets, 'report', token) ?? []
  const [found] =
    id === undefined
      ? []
      : await reader.db
          .select({ report: reports, status: alerts.status, isOpen: alerts.isOpen })
          .from(reports)
          .innerJoin(alerts, eq(alerts.id, reports.alertId))
          .where(eq(reports.id, id))
  if (!found || found.report.linkRevokedAt !== null) throw new AppProblem('not-found', 'This link is invalid.')
  const { report } = found
  if (report.receivedAt < addDays(reader.now, -context.config.of(reportSettings).TOCSIN_REPORT_LINK_DAYS))
    throw new AppProblem('not-found', 'This link has expired. Contact the security team with your reference.')
  const stage =
    found.status === 'open'
      ? 'received'
      : found.status === 'acknowledged'
        ? 'being-looked-at'
        : found.status === 'escalated' && found.isOpen
          ? 'under-investigation'
          : 'closed'
  const kept = await filesOf(reader, context.config, report.id)
  return {
    reference: report.reference,
    audience: report.audience,
    receivedAt: report.receivedAt,
    stage,
    explanation: explanations[stage],
    text: report.text,
    files: kept.map(({ name, sizeBytes }) => ({ name, sizeBytes })),
  }
}

/** The report behind an alert. It names a person, so that it was read is on record. */
export async function readReport(tx: Tx, context: AppContext, caller: Caller, alertId: string) {
  const { incident } = await readAlert(tx, context, caller, alertId)
  const [report] = await tx.db.select().from(reports).where(eq(reports.alertId, alertId))
  if (!report) throw notFound('report for this alert')
  await record(tx, { actor: caller.actor, type: 'report.read', subject: { kind: 'report', id: report.id }, within: incident?.id ?? null })
  const { reference, audience, happenedAt, affected, contactName, contactEmail } = report
  const isLinkRevoked = report.linkRevokedAt !== null
  return {
    reference,
    audience,
    happenedAt,
    affected,
    contactName,
    contactEmail,
    isLinkRevoked,
    erasure: report.erasure,
    files: await filesOf(tx, context.config, report.id),
  }
}

/** Revokes the private link of a reporter, as when it fell into wrong hands. */
export async function revokeReportLink(tx: Tx, context: AppContext, caller: Caller, alertId: string): Promise<void> {
  const { incident } = await readAlert(tx, context, caller, alertId)
  const [report] = await tx.db
    .update(reports)
    .set({ linkRevokedAt: tx.now })
    .where(and(eq(reports.alertId, alertId), isNull(reports.linkRevokedAt)))
    .returning({ id: reports.id })
  if (!report) throw notFound('report for this alert with a link that works')
  await record(tx, { actor: caller.actor, type: 'report.link-revoked', subject: { kind: 'report', id: report.id }, within: incident?.id ?? null })
}
