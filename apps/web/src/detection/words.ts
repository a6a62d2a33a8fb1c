import type { DetectionRule } from '@tocsin/api'

export const originWords: Record<DetectionRule['origin'], string> = { starter: 'starter pack', own: 'own', imported: 'imported', exception: 'exception' }

/** The ATT&CK techniques among tags, as they are called: T1110.001. */
export const techniquesOf = (tags: readonly string[]): string[] => tags.flatMap(tag => /^attack\.(t\d{4}(\.\d{3})?)$/i.exec(tag)?.[1]?.toUpperCase() ?? [])
