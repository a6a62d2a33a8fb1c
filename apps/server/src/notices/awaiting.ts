import { includesRole } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { incidents } from '../incidents/index.ts'
import { counted } from '../kernel/counted.ts'
import type { Reader } from '../kernel/database.ts'
import { notices, obligations } from './tables.ts'

/** How many notices and decisions the caller may approve by their role and did not write, without those of exercises. */
export async function countAwaitingInNotices(reader: Reader, context: AppContext, caller: Caller): Promise<number> {
  const me = caller.personId
  const mayDecide = includesRole(caller.role, 'lead') ? sql`true` : sql`${incidents.executiveId} = ${me}`
  const inOpen = sql`not ${incidents.isExercise} and ${incidents.status} <> 'closed' and ${context.visibility.condition(caller, incidents.id)}`
  return counted(
    reader,
    sql`select 1 from ${notices} join ${obligations} on ${obligations.id} = ${notices.obligationId} join ${incidents} on ${incidents.id} = ${obligations.incidentId}
        where ${notices.state} = 'draft' and ${notices.authorId} <> ${me} and ${notices.editorId} <> ${me} and ${obligations.state} <> 'waived' and ${inOpen}
      union all
      select 1 from ${obligations} join ${incidents} on ${incidents.id} = ${obligations.incidentId}
        where ${obligations.decisionKind} is not null and ${obligations.decisionApprovedById} is null and ${obligations.decisionById} <> ${me}
          and ${obligations.startedAt} is not null and ${mayDecide} and ${inOpen}`,
  )
}
