import type { AlertActResult } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import { type AppContext, type Caller, people } from '../access/index.ts'
import { type Actor, recordAll } from '../journal/index.ts'
import type { Tx } from '../kernel/database.ts'
import { unacknowledgePagesOf } from '../paging/index.ts'
import type { Undoing } from './acts.ts'
import { recordAssigned, recordUnassigned, withoutDeparted } from './assignment.ts'
import { followCorrection } from './correction.ts'
import { pageAgain } from './receive.ts'
import { unspokenFor } from './storms.ts'
import { type AlertState, alerts } from './tables.ts'
import { openKeys, recordReopened, ruleOf } from './triage.ts'
import { idsOf, type TriagedAlert } from './triaged.ts'

export const undone = 'Undone'

/**
 * Puts alerts back to what they were before an act, but for what was escalated, which incidents put back. Each is a normal entry with the reason `Undone`.
 * An alert that nobody has acknowledged, and whose page the act had stopped, pages again from the first level: that nobody is paged about it was the mistake.
 * A page that somebody had acknowledged stays resolved, and the alert theirs.
 */
export async function undo(tx: Tx, context: AppContext, caller: Caller, undoing: Undoing): Promise<AlertActResult> {
  const { rows, before, skipped } = undoing
  if (rows.length > 0) {
    await restore(tx, rows, before)
    await follow(tx, context, caller, undoing)
    await withoutDeparted(tx, caller.actor, idsOf(rows))
  }
  return { done: rows.length, skipped: [...skipped], undo: null, incident: null }
}

/** Two statements: what each alert was, and which of them their keys name again. */
async function restore(tx: Tx, rows: readonly TriagedAlert[], before: ReadonlyMap<string, AlertState>): Promise<void> {
  const given = rows.flatMap(({ id }) => {
    const state = before.get(id)
    return state === undefined ? [] : [{ id, ...state }]
  })
  await tx.db.execute(sql`
    update ${alerts} alert set is_open = false, status = given.status, severity = given.severity, service_id = given."serviceId",
      acknowledged_by_id = given."acknowledgedById", acknowledged_at = given."acknowledgedAt", assignee_id = given."assigneeId",
      disposition_outcome = given."dispositionOutcome", disposition_value = given."dispositionValue",
      disposition_responsibility = given."dispositionResponsibility", disposition_reason = given."dispositionReason",
      disposition_by_id = given."dispositionById", disposition_at = given."dispositionAt", duplicate_of_id = given."duplicateOfId"
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, status text, severity text, "serviceId" uuid, "acknowledgedById" uuid,
      "acknowledgedAt" timestamptz, "assigneeId" uuid, "dispositionOutcome" text, "dispositionValue" text, "dispositionResponsibility" text,
      "dispositionReason" text, "dispositionById" uuid, "dispositionAt" timestamptz, "duplicateOfId" uuid)
    where alert.id = given.id`)
  await openKeys(
    tx,
    given.filter(one => one.isOpen).map(one => one.id),
  )
}

async function follow(tx: Tx, context: AppContext, caller: Caller, { act, by, rows, before }: Undoing): Promise<void> {
  const { actor } = caller
  const ids = idsOf(rows)
  switch (act) {
    case 'acknowledge': {
      await recordAll(
        tx,
        rows.map(({ id, incidentId }) => ({
          ...{ actor, type: 'alert.unacknowledged' as const, subject: { kind: 'alert' as const, id }, within: incidentId },
          data: { reason: undone },
        })),
      )
      const takenOn = rows.filter(({ id, assigneeId }) => assigneeId !== null && before.get(id)?.assigneeId === null)
      await recordUnassigned(tx, actor, takenOn, undone)
      await unacknowledgePagesOf(tx, context, caller, ids, by)
      return pageUnspoken(tx, context, actor, ids)
    }
    case 'dismiss': {
      await recordReopened(tx, actor, rows, undone)
      return pageUnspoken(tx, context, actor, ids)
    }
    case 'reopen':
      return recordAll(
        tx,
        rows.flatMap(alert => {
          const { dispositionValue: value, dispositionResponsibility: responsibility, dispositionReason } = before.get(alert.id) ?? alert
          if (value === null || responsibility === null) return []
          const reason = `${undone}. ${dispositionReason ?? ''}`
          return [
            {
              actor,
              type: 'alert.dismissed' as const,
              subject: { kind: 'alert' as const, id: alert.id },
              data: { value, responsibility, reason, ...ruleOf(alert) },
            },
          ]
        }),
      )
    case 'assign':
    case 'unassign': {
      const back = rows.filter(({ id }) => before.get(id)?.assigneeId !== null)
      const names = await tx.db
        .select({ id: people.id, name: people.name })
        .from(people)
        .where(sql`${people.id} = any(${sql.param([...new Set(back.map(({ id }) => before.get(id)?.assigneeId ?? ''))])}::uuid[])`)
      const byId = new Map(names.map(person => [person.id, person]))
      await recordAssigned(tx, actor, back, ({ id }) => byId.get(before.get(id)?.assigneeId ?? '') ?? { id: before.get(id)?.assigneeId ?? '', name: '' })
      return recordUnassigned(
        tx,
        actor,
        rows.filter(({ id }) => before.get(id)?.assigneeId === null),
        undone,
      )
    }
    case 'correct': {
      const corrected = rows.map(row => ({
        before: row,
        severity: before.get(row.id)?.severity ?? row.severity,
        serviceId: before.get(row.id)?.serviceId ?? null,
      }))
      return followCorrection(tx, context, actor, corrected, undone)
    }
    case 'escalate':
      throw new Error('incidents put back what was escalated')
  }
}

/** Pages about alerts that are open again and that no page speaks for any more. */
export async function pageUnspoken(tx: Tx, context: AppContext, actor: Actor, ids: readonly string[]): Promise<void> {
  await pageAgain(tx, context, actor, await unspokenFor(tx, ids), 'anew')
}
