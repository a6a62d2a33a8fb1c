import type { Severity } from '@tocsin/api'
import type { Reader } from '../platform/database.ts'
import type { Viewer } from './visibility.ts'

/** What a floor below has to know of the work of people, said by the module that owns it. */
interface Work {
  /** The open incidents of a team that a viewer may see, as lines of text, the gravest first. */
  openIncidents(reader: Reader, teamId: string, viewer: Viewer): Promise<string[]>
  /** Those of these people who already work on an open incident of this severity or above, other than `exceptId`. */
  busy(reader: Reader, personIds: readonly string[], severity: Severity, exceptId: string): Promise<string[]>
}

export class Workload implements Work {
  #work: Work = { openIncidents: async () => [], busy: async () => [] }

  define(work: Work): void {
    this.#work = work
  }

  openIncidents(reader: Reader, teamId: string, viewer: Viewer): Promise<string[]> {
    return this.#work.openIncidents(reader, teamId, viewer)
  }

  busy(reader: Reader, personIds: readonly string[], severity: Severity, exceptId: string): Promise<string[]> {
    return this.#work.busy(reader, personIds, severity, exceptId)
  }
}
