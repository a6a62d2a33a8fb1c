export type { Refusal } from './access.ts'
export { type Line, originOf, UnreadableEvent } from './event.ts'
export * from './registry.ts'
export { counted, span, titleOnRecord, when } from './words.ts'
