import type { people } from '../access/index.ts'
import { newId } from '../kernel/ids.ts'
import type { NewMessage } from '../kernel/messenger.ts'
import type { IncidentRow } from './incident.ts'

export type Addressee = Pick<typeof people.$inferSelect, 'id' | 'email' | 'isDemo'>

/** Lines of a mail about an incident; the others are counted. */
const maxLines = 20

/**
 * A mail to somebody who works on an incident. The message log is read by others: of a restricted one it says no more than `neutral`.
 * @param tab the tab of the incident's page that shows what it is about
 */
export function mailAbout(
  origin: string,
  incident: IncidentRow,
  to: Addressee,
  { purpose, subject, lines, neutral, tab }: { purpose: 'task' | 'incident-role'; subject: string; lines: readonly string[]; neutral: string; tab?: 'tasks' },
): NewMessage & { id: string } {
  const shown = incident.isRestricted ? [neutral] : lines.slice(0, maxLines)
  const more = incident.isRestricted || lines.length <= maxLines ? [] : [`- and ${lines.length - maxLines} more`]
  return {
    ...{ id: newId(), channel: 'email', address: to.email, purpose, purposeId: incident.id, withinId: incident.id },
    subject: `${subject}: incident ${incident.number}`,
    body: `${[...shown, ...more].join('\n')}\n\n${origin}/incidents/${incident.id}${tab === undefined ? '' : `?tab=${tab}`}\n`,
    ...{ isDemo: to.isDemo, isExercise: incident.isExercise },
  }
}
