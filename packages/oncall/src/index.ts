export * from './escalation.ts'
export { handoffs, type Rotation, rotationTypes } from './rotation.ts'
export * from './schedule.ts'
export * from './turns.ts'
