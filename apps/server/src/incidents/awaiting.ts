import { includesRole } from '@tocsin/api'
import { sql } from 'drizzle-orm'
import type { AppContext, Caller } from '../access/index.ts'
import { counted } from '../kernel/counted.ts'
import type { Reader } from '../kernel/database.ts'
import { incidentFacts, incidentHandovers, incidents, proposals, tasks } from './tables.ts'

/** How many open incidents the caller leads, without those of exercises. */
export async function countLed(reader: Reader, context: AppContext, caller: Caller): Promise<number> {
  return counted(
    reader,
    sql`select 1 from ${incidents} where ${incidents.leadId} = ${caller.personId} and ${incidents.status} <> 'closed' and not ${incidents.isExercise}
      and ${context.visibility.condition(caller, incidents.id)}`,
  )
}

/**
 * How many answers open incidents await that the caller may give by their role and did not ask for: proposals, key dates, business-impacting tasks,
 * and roles that they are asked to take.
 */
export async function countAwaitingInIncidents(reader: Reader, context: AppContext, caller: Caller): Promise<number> {
  const me = caller.personId
  const mayDecide = includesRole(caller.role, 'lead') ? sql`true` : sql`${incidents.executiveId} = ${me}`
  const inOpen = sql`not ${incidents.isExercise} and ${incidents.status} <> 'closed' and ${context.visibility.condition(caller, incidents.id)}`
  return counted(
    reader,
    sql`select 1 from ${proposals} join ${incidents} on ${incidents.id} = ${proposals.incidentId}
        where ${proposals.state} = 'open' and ${proposals.proposedById} <> ${me} and ${mayDecide} and ${inOpen}
      union all
      select 1 from ${incidentFacts} join ${incidents} on ${incidents.id} = ${incidentFacts.incidentId}
        where ${incidentFacts.state} = 'proposed' and ${incidentFacts.recordedById} <> ${me} and ${mayDecide} and ${inOpen}
      union all
      select 1 from ${tasks} join ${incidents} on ${incidents.id} = ${tasks.incidentId}
        where ${tasks.isBusinessImpacting} and ${tasks.approvedById} is null and ${tasks.doneAt} is null and ${incidents.executiveId} = ${me} and ${inOpen}
      union all
      select 1 from ${incidentHandovers} join ${incidents} on ${incidents.id} = ${incidentHandovers.incidentId}
        where ${incidentHandovers.toId} = ${me} and ${inOpen}`,
  )
}
