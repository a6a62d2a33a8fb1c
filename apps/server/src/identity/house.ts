import type { Followers, Live, Sealer } from '../journal/index.ts'
import type { Platform } from '../platform/index.ts'
import type { Visibility } from './visibility.ts'
import type { Workload } from './workload.ts'

/** What every module above this floor is given to stand on. */
export interface House extends Platform {
  readonly followers: Followers
  readonly live: Live
  readonly sealer: Sealer
  readonly visibility: Visibility
  readonly workload: Workload
}
