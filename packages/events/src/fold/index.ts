export { alteredEntry, differenceSentence, differencesBetween } from './differences.ts'
export { approvedOfTask, foldedTypes, verifiedOfFollowUp } from './fold.ts'
export type { Difference, FoldableEntry, StoredRecord } from './records.ts'
