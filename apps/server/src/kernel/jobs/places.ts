import { Gate } from '../gate.ts'
import type { Lane } from './lanes.ts'

/** A lane in this process. */
export class LanePlaces {
  readonly lane: Lane
  readonly deadlineMs: number
  readonly gate: Gate
  /** Destination of each job that has a place, by the job's id. */
  readonly taken = new Map<string, string>()

  constructor(lane: Lane, deadlineSeconds: number) {
    this.lane = lane
    this.deadlineMs = deadlineSeconds * 1_000
    this.gate = new Gate(lane.transactions ?? 1)
  }

  get free(): number {
    return this.lane.places - this.taken.size
  }

  /** Places that are left for each destination that has some taken, where the lane bounds them. */
  leftByDestination(): [key: string, left: number][] {
    const { name, placesPerDestination } = this.lane
    if (placesPerDestination === undefined) return []
    return [...Map.groupBy(this.taken.values(), destination => destination)].map(([destination, all]) => [
      `${name} ${destination}`,
      placesPerDestination - all.length,
    ])
  }
}
