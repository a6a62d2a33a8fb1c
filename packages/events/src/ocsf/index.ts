export { activities, classes } from './activities.ts'
export { type OcsfDocument, ocsfDocument, type StreamedEntry, shortened } from './document.ts'
export { mappings } from './types.ts'
