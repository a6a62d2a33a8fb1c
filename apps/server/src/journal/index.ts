export { Followers } from './follow.ts'
export { Live } from './live.ts'
export { type Actor, type Entry, entriesWithin, entryWithin, latestEntries, record, recordAll, type Subject, system } from './record.ts'
export { exportJournal, latestCheckpoint, openSealer, type Sealer } from './seal.ts'
