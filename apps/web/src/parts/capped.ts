/** Counters stop here: more is not counted. */
export const maxCounted = 1_000

/** A count as people read it: “999+” where there are more. */
export const capped = (n: number): string => (n >= maxCounted ? '999+' : n.toLocaleString('en'))
