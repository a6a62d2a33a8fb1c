import type { AuditStreams, JournalReaders, Live, Sealer } from '../journal/index.ts'
import type { Kernel } from '../kernel/index.ts'
import type { Caller } from './caller.ts'
import type { Departures } from './departures.ts'
import type { Erasables } from './erasables.ts'
import type { Searches } from './searches.ts'
import type { SecurityEvents } from './security-events.ts'
import type { Usages } from './usages.ts'
import type { Visibility } from './visibility.ts'
import type { Workload } from './workload.ts'

/** What every core and feature module is given. */
export interface AppContext extends Kernel {
  readonly readers: JournalReaders
  readonly live: Live<Caller>
  readonly sealer: Sealer
  readonly streams: AuditStreams
  readonly securityEvents: SecurityEvents
  readonly searches: Searches
  readonly usages: Usages
  readonly departures: Departures
  readonly erasables: Erasables
  readonly visibility: Visibility
  readonly workload: Workload
}
