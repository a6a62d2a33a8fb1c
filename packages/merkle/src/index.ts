export * from './canonical.ts'
export * from './checkpoint.ts'
export * from './journal-export.ts'
export * from './tree.ts'
