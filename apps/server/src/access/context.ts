import type { JournalReaders, Live, Sealer } from '../journal/index.ts'
import type { Kernel } from '../kernel/index.ts'
import type { Visibility } from './visibility.ts'
import type { Workload } from './workload.ts'

/** What every module above this floor is given to stand on. */
export interface AppContext extends Kernel {
  readonly readers: JournalReaders
  readonly live: Live
  readonly sealer: Sealer
  readonly visibility: Visibility
  readonly workload: Workload
}
