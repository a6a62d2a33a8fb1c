export { type OcsfDocument, ocsfDocument, type StreamedEntry, shortened } from './document.ts'
