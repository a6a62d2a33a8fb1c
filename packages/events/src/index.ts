export { type Line, UnreadableEvent } from './event.ts'
export * from './registry.ts'
