import { type Difference, differencesBetween, type FoldableEntry, type ForeignEntry } from '@tocsin/events/fold'
import { z } from 'zod'

/** Of a genuine export of an incident what is compared. Exports of older versions have no records, and those of the whole audit log neither. */
const Exported = z.object({
  document: z.object({
    foreign: z
      .array(z.object({ ...{ id: z.string(), at: z.string(), type: z.string() }, subject: z.object({ kind: z.string(), id: z.string() }), fault: z.string() }))
      .default([]),
    records: z.array(z.object({ kind: z.string(), id: z.string(), fields: z.record(z.string(), z.unknown()) })),
  }),
  entries: z.array(
    z.object({
      index: z.int(),
      header: z.object({
        ...{ at: z.string(), type: z.string(), version: z.int(), subject: z.object({ kind: z.string(), id: z.string() }) },
        ...{ actorKind: z.string(), isDemo: z.boolean() },
      }),
      body: z.object({ id: z.string(), actor: z.object({ id: z.string().nullable() }), data: z.unknown() }).optional(),
    }),
  ),
})

function foldable({ index, header, body }: z.output<typeof Exported>['entries'][number]): FoldableEntry {
  const { at, type, version, subject, actorKind, isDemo } = header
  return { id: body?.id ?? '', index, at, type, version, subject, isDemo, actor: { kind: actorKind, id: body?.actor.id ?? null }, data: body?.data }
}

/** What is wrong with an exported incident. */
export interface Comparison {
  /** What the tables said otherwise than the entries when it was exported: the export's own entries are folded for that, and the server is believed in nothing. */
  readonly differences: readonly Difference[]
  /** What the server left out, because somebody else wrote it: only who has the key of its MAC can tell, and so it is never passed over in silence. */
  readonly foreign: readonly ForeignEntry[]
}

/**
 * @param text a genuine export
 * @returns undefined where the file has no records of an incident to compare
 */
export function compareExport(text: string): Comparison | undefined {
  const exported = Exported.safeParse(JSON.parse(text))
  if (!exported.success) return undefined
  const { document, entries } = exported.data
  return { differences: differencesBetween(entries.map(foldable), document.records), foreign: document.foreign }
}
