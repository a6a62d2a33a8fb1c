/** At most `max` characters of a text, as PostgreSQL keeps it: without NUL and half surrogate pairs, which a cut makes too. */
export const storable = (text: string, max = Number.POSITIVE_INFINITY) => text.slice(0, max).replaceAll('\0', '\u{fffd}').toWellFormed()

/** A text of at most `max` characters: a longer one ends with an ellipsis, and not in the middle of a surrogate pair. */
export const shortened = (text: string, max: number) => (text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`)
