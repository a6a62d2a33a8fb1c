import { isDeepStrictEqual } from 'node:util'
import type { FieldMapping, Placeholders } from '@tocsin/sigma'
import { z } from 'zod'
import { type Actor, record } from '../journal/index.ts'
import type { Reader, Tx } from '../kernel/database.ts'
import { readSetting, saveSetting } from '../kernel/settings.ts'

const Lists = z.record(z.string(), z.array(z.string()))

const mapping = 'detection.mapping'
const placeholders = 'detection.placeholders'

/** Paths of rule fields in the events of this organization, in addition to the taxonomy. */
export async function readMapping(reader: Reader): Promise<FieldMapping> {
  return (await readSetting(reader, mapping, Lists)) ?? {}
}

export async function saveMapping(tx: Tx, actor: Actor, fields: readonly { readonly field: string; readonly paths: readonly string[] }[]): Promise<void> {
  await save(
    tx,
    actor,
    mapping,
    fields.map(({ field, paths }) => [field, paths]),
  )
}

/** Values of the placeholders of rules (`%admins%`, with the modifier expand). */
export async function readPlaceholders(reader: Reader): Promise<Placeholders> {
  return (await readSetting(reader, placeholders, Lists)) ?? {}
}

export async function savePlaceholders(tx: Tx, actor: Actor, given: readonly { readonly name: string; readonly values: readonly string[] }[]): Promise<void> {
  await save(
    tx,
    actor,
    placeholders,
    given.map(({ name, values }) => [name, values]),
  )
}

/** Both change what rules mean: the journal says that they did, and the matching is made ready anew. */
async function save(tx: Tx, actor: Actor, name: string, lists: readonly (readonly [string, readonly string[]])[]): Promise<void> {
  const before = (await readSetting(tx, name, Lists)) ?? {}
  const after = Object.fromEntries(lists)
  if (isDeepStrictEqual(after, before)) return
  await saveSetting(tx, name, after)
  await record(tx, { actor, type: 'detection-settings.changed', subject: { kind: 'detection-settings', id: name }, data: { after, before } })
}

const sorted = (lists: Readonly<Record<string, readonly string[]>>) => Object.entries(lists).toSorted(([a], [b]) => (a < b ? -1 : 1))

export const shownMapping = (lists: FieldMapping): { field: string; paths: string[] }[] => sorted(lists).map(([field, paths]) => ({ field, paths: [...paths] }))
export const shownPlaceholders = (lists: Placeholders): { name: string; values: string[] }[] =>
  sorted(Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, values.map(String)]))).map(([name, values]) => ({ name, values: [...values] }))
