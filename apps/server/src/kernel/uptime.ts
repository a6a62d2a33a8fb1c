import { z } from 'zod'
import type { Instant } from './clock.ts'
import type { Reader, Tx } from './database.ts'
import { readSetting, saveSetting } from './settings.ts'

const setting = 'system.up-since'

/** A server started where none had run: what was sent to it meanwhile was not received. */
export async function noteStart(tx: Tx): Promise<void> {
  await saveSetting(tx, setting, tx.now)
}

/** Since when a server has received what is sent to it. Whoever misses something from before misses it for Tocsin's own downtime. */
export async function upSince(reader: Reader): Promise<Instant | undefined> {
  return readSetting(reader, setting, z.iso.datetime())
}
