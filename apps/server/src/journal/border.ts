import { z } from 'zod'
import type { Reader, Tx } from '../kernel/database.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'
import { entryFault, type MacFault } from './entry-mac.ts'
import type { StoredRow as Row } from './values.ts'

/** Up to which number entries have no MAC, and a MAC of that: whoever can only write to the database cannot move it. */
const name = 'journal.no-mac-up-to'
const Border = z.object({ seq: z.int(), mac: z.string() })
const purpose = 'journal border'

/** The number of the last entry from before entries had MACs; undefined where that is not decided yet, or somebody has changed it. */
export async function storedBorder(reader: Reader): Promise<number | undefined> {
  const { seq, mac } = (await readSetting(reader, name, Border)) ?? { seq: 0, mac: '' }
  const { isSigned, wasSigned } = reader.keys
  return isSigned(purpose, String(seq), mac) || wasSigned(purpose, String(seq), mac, seq) ? seq : undefined
}

export async function saveBorder(tx: Tx, seq: number): Promise<void> {
  await saveSetting(tx, name, { seq, mac: tx.sign(purpose, String(seq)) })
}

/** What is wrong with stored entries, by ID: that this program did not write them, or not so. Nothing is known of those that are not among them. */
export async function faultsOf(reader: Reader, rows: readonly Row[]): Promise<ReadonlyMap<string, MacFault>> {
  if (rows.length === 0) return new Map()
  // Until it is decided, whatever has no MAC may be from before.
  const border = (await storedBorder(reader)) ?? Number.POSITIVE_INFINITY
  return new Map(
    rows.flatMap(row => {
      const fault = entryFault(reader.keys, row, border)
      return fault === undefined ? [] : [[row.id, fault]]
    }),
  )
}
