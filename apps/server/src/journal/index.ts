export { changedSince, lastRecordedWithin, onlyChanged } from './changed.ts'
export { assertAsRecorded, compareWithEntries, countFoldable, nextOfType, refuseAltered, reportDifferences } from './compare.ts'
export { discardDeadLetter, listDeadLetters, replayDeadLetter } from './dead-letters.ts'
export { type About, type Erasing, eraseTexts } from './erase.ts'
export { JournalReaders } from './follow.ts'
export { partForeign } from './foreign.ts'
export { journalHealth } from './health.ts'
export { Live } from './live.ts'
export { isOfExercise, type Marks, markAs, markRecords } from './marks.ts'
export { look } from './order.ts'
export {
  type Actor,
  type Entry,
  type EntryOf,
  entriesAbout,
  entriesThat,
  entryColumns,
  erasureSentence,
  lastDoneByPeople,
  lastEntryAbout,
  latestEntries,
  latestOfSelection,
  type NewEntry,
  readEntries,
  readEntriesAbout,
  record,
  recordAll,
  type Selection,
  subjectsOf,
  system,
  wasRecorded,
} from './record.ts'
export { exportJournal, latestCheckpoint, openSealer, proveConsistency, type Sealer, sealerName } from './seal.ts'
export { filterCondition } from './search.ts'
export { AuditStreams } from './streams/open.ts'
export { streamSettings } from './streams/settings.ts'
export { succeedLogKey } from './succession.ts'
export { JournalWatch } from './watch.ts'
export { type Checkpoints, openCheckpoints } from './witnesses/open.ts'
export { witnessSettings } from './witnesses/settings.ts'
