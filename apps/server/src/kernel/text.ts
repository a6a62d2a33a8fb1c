/** At most `max` characters of a text, as PostgreSQL keeps it: without NUL and half surrogate pairs, which a cut makes too. */
export const storable = (text: string, max = Number.POSITIVE_INFINITY) => text.slice(0, max).replaceAll('\0', '\u{fffd}').toWellFormed()

/** A text of at most `max` characters: a longer one ends with an ellipsis, and not in the middle of a surrogate pair. */
export const shortened = (text: string, max: number) => (text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`)

/**
 * A stranger's text without anything that a mail program makes a link of, as responders write such addresses: `https[:]//evil[.]example`. The message
 * that carries it is ours, and trusted.
 */
export function defang(text: string): string {
  return text.replace(/:(?=\/\/)/g, '[:]').replace(/(?<=[\p{L}\p{N}_-])[.\u3002\uff0e\uff61](?=[\p{L}\p{N}])/gu, '[.]')
}
