import type { FieldMapping } from '@tocsin/sigma'
import { z } from 'zod'
import { type Actor, record } from '../journal/index.ts'
import type { Reader, Tx } from '../platform/database.ts'
import { readSetting, saveSetting } from '../platform/settings.ts'

const setting = 'detection.mapping'
const Mapping = z.record(z.string(), z.array(z.string()))

/** Where fields of rules stand in the events of this organisation, besides where the taxonomy finds them. */
export async function readMapping(reader: Reader): Promise<FieldMapping> {
  return (await readSetting(reader, setting, Mapping)) ?? {}
}

export async function saveMapping(tx: Tx, actor: Actor, fields: readonly { readonly field: string; readonly paths: readonly string[] }[]): Promise<void> {
  const mapping = Object.fromEntries(fields.map(({ field, paths }) => [field, [...paths]]))
  await saveSetting(tx, setting, mapping)
  await record(tx, { actor, type: 'detection-mapping.changed', subject: { kind: 'detection-mapping', id: 'fields' }, data: { fields: Object.keys(mapping) } })
}

export const shownMapping = (mapping: FieldMapping): { field: string; paths: string[] }[] =>
  Object.entries(mapping)
    .map(([field, paths]) => ({ field, paths: [...paths] }))
    .toSorted((a, b) => (a.field < b.field ? -1 : 1))
