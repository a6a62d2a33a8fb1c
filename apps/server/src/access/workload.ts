import type { Severity } from '@tocsin/api'
import type { Reader } from '../kernel/database.ts'
import type { Viewer } from './visibility.ts'

/** Somebody at work on an incident. */
export interface Engagement {
  readonly personId: string
  readonly incidentId: string
  /** The severities of alerts that are no graver than it. */
  readonly outweighs: readonly Severity[]
}

interface NamedIncidents {
  readonly ids: readonly string[]
  readonly lines: readonly string[]
}

/** What a lower layer has to know of the work of people, said by the module that owns it. */
interface Work {
  /** The open incidents of a team that a viewer may see, as lines of text, the gravest first, and the IDs of those that the lines name. */
  openIncidents(reader: Reader, teamId: string, viewer: Viewer): Promise<NamedIncidents>
  /** The open incidents that these people lead or own. */
  engagements(reader: Reader, personIds: readonly string[]): Promise<Engagement[]>
}

export class Workload implements Work {
  #work: Work = { openIncidents: async () => ({ ids: [], lines: [] }), engagements: async () => [] }

  define(work: Work): void {
    this.#work = work
  }

  openIncidents(reader: Reader, teamId: string, viewer: Viewer): Promise<NamedIncidents> {
    return this.#work.openIncidents(reader, teamId, viewer)
  }

  engagements(reader: Reader, personIds: readonly string[]): Promise<Engagement[]> {
    return this.#work.engagements(reader, personIds)
  }
}
