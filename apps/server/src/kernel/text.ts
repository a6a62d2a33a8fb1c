/** At most `max` characters of a text, as PostgreSQL keeps it: without NUL and half surrogate pairs, which a cut makes too. */
export const storable = (text: string, max = Number.POSITIVE_INFINITY) => text.slice(0, max).replaceAll('\0', '\u{fffd}').toWellFormed()
