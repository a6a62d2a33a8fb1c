import { NotGenuine, openCheckpoint, signingKey, signSuccession } from '@tocsin/merkle'
import type { z } from 'zod'
import type { Tx } from '../kernel/database.ts'
import type { Secrets } from '../kernel/secrets.ts'
import type { CheckpointFile } from './checkpoint-file.ts'
import { type KeptLog, keptLogName, type LogIdentity, openLogIdentity } from './log-keys.ts'
import { record, system } from './record.ts'
import { latestCheckpoint } from './seal.ts'

/**
 * With another master key, the log gets another signing key, which the earlier one names, on record. From here on, that one signs nothing larger.
 * @returns what is to be kept with the new master key, by name
 */
export async function succeedLogKey(tx: Tx, from: Secrets, to: Secrets, file: CheckpointFile): Promise<ReadonlyMap<string, string>> {
  const log = openLogIdentity(from)
  const newest = [(await latestCheckpoint(tx))?.note, file.last(log.keys)?.note]
  // What was signed before it has come to the database or the file, or was taken out of them, stays signed.
  const size = Math.max(...newest.map(note => sizeOf(log, note)), ...log.keys.slice(0, -1).map(({ maxSize }) => maxSize))
  const succession = signSuccession(log.origin, size, log.privateKey, signingKey(to.derive('journal signing')))
  await record(tx, { actor: system, type: 'journal.key-replaced', subject: { kind: 'journal', id: 'journal' }, data: { succession } })
  const kept: z.input<typeof KeptLog> = { origin: log.origin, successions: [...log.successions, succession] }
  return new Map([[keptLogName, JSON.stringify(kept)]])
}

function sizeOf(log: LogIdentity, note: string | undefined): number {
  try {
    return note === undefined ? 0 : openCheckpoint(note, log.keys).size
  } catch (error) {
    // A checkpoint of somebody else in the database is no reason to keep a key: the sealer names it.
    if (error instanceof NotGenuine) return 0
    throw error
  }
}
