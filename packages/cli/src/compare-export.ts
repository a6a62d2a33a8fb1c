import { type Difference, differencesBetween, type FoldableEntry, type ForeignEntry, missingIncident } from '@tocsin/events/fold'
import { exportedData } from '@tocsin/merkle'
import { z } from 'zod'

const Entry = z.object({
  index: z.int(),
  header: z.object({
    ...{ at: z.string(), type: z.string(), version: z.int(), subject: z.object({ kind: z.string(), id: z.string() }) },
    ...{ actorKind: z.string(), isDemo: z.boolean(), isExercise: z.boolean() },
  }),
  body: z.object({ id: z.string(), actor: z.object({ id: z.string().nullable() }), data: z.unknown() }).optional(),
  values: z.record(z.string(), z.object({ salt: z.string(), value: z.string() })).optional(),
})

/** Of a genuine export of an incident what is compared. Exports of older versions have no records. */
const ExportedIncident = z.object({
  document: z.object({
    foreign: z
      .array(z.object({ ...{ id: z.string(), at: z.string(), type: z.string() }, subject: z.object({ kind: z.string(), id: z.string() }), fault: z.string() }))
      .default([]),
    records: z.array(z.object({ kind: z.string(), id: z.string(), fields: z.record(z.string(), z.unknown()) })),
  }),
  entries: z.array(Entry),
})

/** The same of one of the whole audit log: which of the incidents that were opened are missing from the tables. */
const ExportedLog = z.object({ document: z.object({ scope: z.literal('all'), missing: z.array(z.string()) }), entries: z.array(Entry) })

function foldable(entry: z.output<typeof Entry>): FoldableEntry {
  const { index, header, body } = entry
  const { at, type, version, subject, actorKind, isDemo, isExercise } = header
  return {
    id: body?.id ?? '',
    index,
    at,
    type,
    version,
    subject,
    isDemo,
    isExercise,
    actor: { kind: actorKind, id: body?.actor.id ?? null },
    data: exportedData(entry),
  }
}

/** What is wrong with an exported incident, or with those of the whole audit log. */
export interface Comparison {
  readonly scope: 'incident' | 'all'
  /**
   * What the tables said otherwise than the entries when it was exported. Of an incident, the export's own entries are folded for that, and the server is believed in
   * nothing; which incidents are missing as a whole is what it says.
   */
  readonly differences: readonly Difference[]
  /** What the server left out, because somebody else wrote it: only who has the key of its MAC can tell, and so it is never passed over in silence. */
  readonly foreign: readonly ForeignEntry[]
}

/**
 * @param text a genuine export
 * @returns undefined where the file has nothing to compare
 */
export function compareExport(text: string): Comparison | undefined {
  const parsed: unknown = JSON.parse(text)
  const log = ExportedLog.safeParse(parsed)
  if (log.success) {
    const missing = new Set(log.data.document.missing)
    const opened = log.data.entries.filter(({ header: { type, subject } }) => type === 'incident.opened' && missing.has(subject.id))
    return { scope: 'all', differences: opened.map(entry => missingIncident(foldable(entry))), foreign: [] }
  }
  const incident = ExportedIncident.safeParse(parsed)
  if (!incident.success) return undefined
  const { document, entries } = incident.data
  return { scope: 'incident', differences: differencesBetween(entries.map(foldable), document.records), foreign: document.foreign }
}
