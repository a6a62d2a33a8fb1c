import { differenceSentence } from '@tocsin/events/fold'
import { compareIncident } from '../src/assurance/reconcile.ts'
import { incidents } from '../src/incidents/tables.ts'
import { holdSnapshot } from '../src/kernel/database.ts'
import type { World } from './world.ts'

/** What the tables say of all incidents otherwise than the audit log, each as a sentence. */
export const differences = (world: World): Promise<string[]> =>
  world.server.context.database.transaction(async tx => {
    await holdSnapshot(tx)
    const found: string[] = []
    for (const { id } of await tx.db.select({ id: incidents.id }).from(incidents))
      found.push(...(await compareIncident(tx, id)).differences.map(differenceSentence))
    return found
  })
