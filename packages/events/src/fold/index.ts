export { alteredEntry, differenceSentence, differencesBetween, foreignSentence, missingIncident } from './differences.ts'
export { approvedOfFact, approvedOfProposal, approvedOfTask, foldedTypes, verifiedOfFollowUp } from './fold.ts'
export type { Difference, FoldableEntry, ForeignEntry, StoredRecord } from './records.ts'
