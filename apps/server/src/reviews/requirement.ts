import { eq } from 'drizzle-orm'
import { type IncidentRow, incidentCustomers } from '../incidents/index.ts'
import { lastEntryAbout, record, system } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { type requiringRules, reviewRequirements } from './tables.ts'

/** Of the rules in `requirementOf`. One more whenever another incident may require a review: entries record which version was used. */
const ruleVersion = 2

type Rule = (typeof requiringRules)[number]
interface Requirement {
  readonly rule: Rule
  readonly reason: string
}

const reasons: Readonly<Record<Rule, string>> = {
  'customer-reportable': 'The incident is customer-reportable.',
  'privacy-breach': 'The incident is a privacy breach.',
  'affected-data': 'The incident affected customer or personal data.',
  'affected-customers': 'The incident affects customers.',
  'notified-in-error': 'Customers were notified of an incident that was declared in error.',
}
/** Of what an incident was since its declaration, and is not any more. */
const earlierReasons: Readonly<Record<Rule, string>> = {
  ...reasons,
  'customer-reportable': 'The incident was customer-reportable.',
  'privacy-breach': 'The incident was a privacy breach.',
  'affected-data': 'Customer or personal data counted as affected.',
  'affected-customers': 'The incident affected customers.',
}

/** The rule by which an incident needs a review as it is now: it touches customers, or is a breach of data. */
async function ruleOf(reader: Reader, incident: IncidentRow): Promise<Rule | undefined> {
  if (incident.class === 'customer-reportable' || incident.class === 'privacy-breach') return incident.class
  if (incident.dataTouched.customerData === 'yes' || incident.dataTouched.personalData === 'yes') return 'affected-data'
  const affected = await reader.db
    .select({ id: incidentCustomers.customerId })
    .from(incidentCustomers)
    .where(eq(incidentCustomers.incidentId, incident.id))
    .limit(1)
  return affected.length > 0 ? 'affected-customers' : undefined
}

/**
 * Why an incident needs a review before it closes, once it is declared; undefined when it does not. What it was since its declaration counts, by the audit log: lowering the
 * class takes no review away. One that was declared in error needs none, unless customers were told.
 */
export async function requirementOf(reader: Reader, incident: IncidentRow): Promise<Requirement | undefined> {
  const subject = { kind: 'incident', id: incident.id } as const
  if (incident.stoodDownAt !== null) {
    const stoodDown = await lastEntryAbout(reader, subject, 'incident.stood-down')
    return stoodDown && stoodDown.data.notified > 0 ? { rule: 'notified-in-error', reason: reasons['notified-in-error'] } : undefined
  }
  const rule = await ruleOf(reader, incident)
  if (rule !== undefined) return { rule, reason: reasons[rule] }
  if (incident.declaredAt === null) return undefined
  const required = await lastEntryAbout(reader, subject, 'review.required')
  return required && { rule: required.data.rule, reason: earlierReasons[required.data.rule] }
}

/**
 * Puts on record that an incident requires a review from now on, with the rule that requires it: in the transaction that declares it, or changes what the rules
 * look at. Once, however the reasons change.
 */
export async function followRequirement(tx: Tx, incident: IncidentRow): Promise<void> {
  const requirement = incident.declaredAt === null ? undefined : await requirementOf(tx, incident)
  if (requirement === undefined) {
    await tx.db.delete(reviewRequirements).where(eq(reviewRequirements.incidentId, incident.id))
    return
  }
  const { rule, reason } = requirement
  const added = await tx.db
    .insert(reviewRequirements)
    .values({ incidentId: incident.id, rule })
    .onConflictDoNothing()
    .returning({ rule: reviewRequirements.rule })
  if (added.length === 0) return
  await record(tx, {
    ...{ actor: system, type: 'review.required', subject: { kind: 'incident', id: incident.id }, within: incident.id },
    data: { rule, ruleVersion, reason },
  })
}
