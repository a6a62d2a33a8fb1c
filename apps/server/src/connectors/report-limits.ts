import { and, gt, isNotNull, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { addDays, addMinutes } from '../kernel/clock.ts'
import { type Config, settingsPart } from '../kernel/config.ts'
import type { Reader } from '../kernel/database.ts'
import { networkOf } from '../kernel/network.ts'
import { AppProblem } from '../kernel/problems.ts'
import { isEqual, type Secrets } from '../kernel/secrets.ts'
import { reports } from './tables.ts'

/** Who may report by the public form. */
export const reportSettings = settingsPart(
  {
    TOCSIN_REPORT_FORM: z
      .enum(['open', 'closed'], { message: 'must be open or closed' })
      .default('open')
      .describe('Whether the public report form takes reports'),
    TOCSIN_REPORT_CODE: z
      .string()
      .min(6, 'must have at least 6 characters')
      .max(100, 'must have at most 100 characters')
      .optional()
      .describe('A code that reporters must know; if not set, none is asked for'),
    TOCSIN_REPORT_LINK_DAYS: z.coerce
      .number('must be a number of days')
      .int('must be a whole number of days')
      .min(1, 'must be at least 1')
      .max(3_650, 'must be at most 3650')
      .default(365)
      .describe('Days for which the private link of a report works'),
  },
  { TOCSIN_REPORT_FORM: 'value', TOCSIN_REPORT_CODE: 'is-set', TOCSIN_REPORT_LINK_DAYS: 'value' },
)

/** What the form takes, from one address (an IPv6 network of 64 bits counts as one) and in all. */
const limits = {
  ofAddress: { hourly: 10, daily: 30, dailyBytes: 200 * 1_048_576 },
  inAll: { hourly: 100, daily: 500, dailyBytes: 2_048 * 1_048_576 },
} as const

/** Customer reports of an hour that page somebody each. Of those beyond, one page an hour says how many there are. */
const maxOwnPages = 5

/** Whether the form takes reports, and whether it asks for a code. */
export function describeForm(config: Config): { isOpen: boolean; needsCode: boolean } {
  const { TOCSIN_REPORT_FORM: form, TOCSIN_REPORT_CODE: code } = config.of(reportSettings)
  return { isOpen: form === 'open', needsCode: code !== undefined }
}

/** @throws AppProblem where the form is closed */
export function assertOpen(config: Config): void {
  if (!describeForm(config).isOpen) throw new AppProblem('forbidden', 'This form is closed. Contact the security team another way.')
}

/** @throws AppProblem forbidden, which is counted and put on record, where the code is not the one that reporters were told */
export function assertCode(config: Config, given: string): void {
  const { TOCSIN_REPORT_CODE: code } = config.of(reportSettings)
  if (code === undefined || isEqual(given, code)) return
  const message = 'is not the code of your organization; ask the security team for it'
  throw new AppProblem('forbidden', `code: ${message}.`, [{ path: 'code', message }])
}

/** What an address is counted by: the same for each report, and no way back to it without the master key. */
export function originOfReport(secrets: Secrets, ip: string): string {
  return secrets.sign('report-origin', networkOf(ip))
}

/**
 * @param bytes of the files that came with the report
 * @throws AppProblem too-many, with the time to wait
 */
export async function assertWithinLimits(reader: Reader, origin: string, bytes: number): Promise<void> {
  const hour = sql`${reports.receivedAt} > ${addMinutes(reader.now, -60)}`
  const own = sql`${reports.origin} = ${origin}`
  const count = (...conditions: SQL[]) => sql<number>`count(*) filter (where ${and(...conditions) ?? sql`true`})`.mapWith(Number)
  const sum = (...conditions: SQL[]) => sql<number>`coalesce(sum(${reports.fileBytes}) filter (where ${and(...conditions) ?? sql`true`}), 0)`.mapWith(Number)
  const [found] = await reader.db
    .select({ ownHour: count(own, hour), ownDay: count(own), ownBytes: sum(own), hour: count(hour), day: count(), bytes: sum() })
    .from(reports)
    .where(gt(reports.receivedAt, addDays(reader.now, -1)))
  if (!found) return
  const { ofAddress, inAll } = limits
  const isFull =
    found.ownDay >= ofAddress.daily || found.ownBytes + bytes > ofAddress.dailyBytes || found.day >= inAll.daily || found.bytes + bytes > inAll.dailyBytes
  if (isFull || found.ownHour >= ofAddress.hourly || found.hour >= inAll.hourly)
    throw new AppProblem(
      'too-many',
      `Too many reports or files were sent ${isFull ? 'today' : 'within an hour'}. Try again later, or contact the security team another way.`,
    )
}

/** How a customer's report is paged: by a page of its own, as the one page of an hour that tells of all, or not, because that page was sent. */
export async function pagingOf(reader: Reader): Promise<{ kind: 'own' | 'bundle' | 'none'; count: number }> {
  const [found] = await reader.db
    .select({
      own: sql<number>`count(*) filter (where ${reports.paging} = 'own')`.mapWith(Number),
      bundles: sql<number>`count(*) filter (where ${reports.paging} = 'bundle')`.mapWith(Number),
      count: sql<number>`count(*)`.mapWith(Number),
    })
    .from(reports)
    .where(and(gt(reports.receivedAt, addMinutes(reader.now, -60)), isNotNull(reports.paging)))
  const { own = 0, bundles = 0, count = 0 } = found ?? {}
  return { kind: own < maxOwnPages ? 'own' : bundles === 0 ? 'bundle' : 'none', count: count + 1 }
}
