export * from './escalation.ts'
export * from './rotation.ts'
