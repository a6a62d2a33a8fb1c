import { z } from 'zod'
import { addMinutes, type Instant } from './clock.ts'
import type { Reader, Tx } from './database.ts'
import { readSetting, saveSetting } from './settings.ts'

const setting = 'system.last-away'

/** A time in which no server ran that receives what is sent to it. */
const Away = z.object({ from: z.iso.datetime(), until: z.iso.datetime() })
export type Away = z.output<typeof Away>

export async function saveAway(tx: Tx, away: Away): Promise<void> {
  await saveSetting(tx, setting, away)
}

/** The last time in which no server ran, if there was one. */
export async function lastAway(reader: Reader): Promise<Away | undefined> {
  return readSetting(reader, setting, Away)
}

/**
 * When something that is sent every `minutes` is missed. What was not yet due when the server went away may have been sent meanwhile: it gets its full time
 * anew, once. What was overdue before is not excused, so that a server which restarts often hides nothing.
 */
export function missedFrom(heardAt: Instant, minutes: number, away: Away | undefined): Instant {
  const due = addMinutes(heardAt, minutes)
  return away !== undefined && heardAt < away.until && away.from < due ? addMinutes(away.until, minutes) : due
}
