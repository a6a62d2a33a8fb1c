import { maxCounted } from '@tocsin/api'

/** A count as people read it: “999+” where there are more. */
export const capped = (n: number): string => (n >= maxCounted ? '999+' : n.toLocaleString('en'))
