export { type Line, UnreadableEvent } from './event.ts'
export * from './registry.ts'
export { span, when } from './words.ts'
