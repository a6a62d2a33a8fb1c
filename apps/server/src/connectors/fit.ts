import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { IncomingAlert } from '../alerts/index.ts'
import { type Instant, instantAt } from '../kernel/clock.ts'
import { shortened } from '../kernel/text.ts'

const max = {
  title: 300,
  labels: 50,
  labelName: 100,
  labelValue: 1_000,
  links: 20,
  url: 2_000,
  linkText: 200,
  observable: 2_000,
  description: 20_000,
  key: 255,
}
/** Room in a description for what was cut. */
const maxNotes = 15
const maxNoteCharacters = 120
const roomForNotes = 2_000

/**
 * Fits what other software sends into one alert. What is too long is cut and ends with an ellipsis; the description then says what was cut, so that nothing is
 * missing in silence. Call `describe` last.
 */
export class Fit {
  readonly #notes: string[] = []
  #wholeTitle: string | undefined

  #text(name: string, text: string, most: number): string {
    if (text.length > most) this.#notes.push(`${shortened(name, 60)} is cut at ${most.toLocaleString('en')} of ${text.length.toLocaleString('en')} characters`)
    return shortened(text, most)
  }

  /** A title; one that is cut stands whole in the description. */
  title(text: string): string {
    if (text.length > max.title) this.#wholeTitle = text
    return this.#text('title', text, max.title)
  }

  labels(given: Readonly<Record<string, string>>): Record<string, string> {
    const all = Object.entries(given)
    const omitted = all.slice(max.labels).map(([name]) => shortened(name, 30))
    if (omitted.length > 0) this.#notes.push(`${omitted.length} of ${all.length} labels are omitted: ${omitted.join(', ')}`)
    if ('(__proto__)' in given) this.#notes.push('label __proto__ is named (__proto__)')
    return Object.fromEntries(
      all.slice(0, max.labels).map(([name, value]) => [this.#text('name of a label', name, max.labelName), this.#text(`label ${name}`, value, max.labelValue)]),
    )
  }

  /** Links to the web; others are not shown. A link that is cut leads nowhere, so one that is too long is omitted. */
  links(given: IncomingAlert['links']): IncomingAlert['links'] {
    const web = given.filter(link => /^https?:\/\//.test(link.url) && URL.canParse(link.url))
    const short = web.filter(link => link.url.length <= max.url)
    for (const link of web)
      if (link.url.length > max.url) this.#notes.push(`link ${shortened(link.text, 60)} is omitted: longer than ${max.url.toLocaleString('en')} characters`)
    if (short.length > max.links) this.#notes.push(`${short.length - max.links} of ${short.length} links are omitted`)
    return short.slice(0, max.links).map(link => ({ url: link.url, text: this.#text('text of a link', link.text, max.linkText) }))
  }

  observable(kind: IncomingAlert['observables'][number]['kind'], value: string): IncomingAlert['observables'] {
    return value.trim() === '' ? [] : [{ kind, value: this.#text(kind, value, max.observable) }]
  }

  /** The description, and what was cut. */
  describe(given: string): string {
    const text = [this.#wholeTitle, given].filter(part => part).join('\n\n')
    const isShort = text.length <= max.description - (this.#notes.length > 0 ? roomForNotes : 0)
    const kept = isShort ? text : this.#text('description', text, max.description - roomForNotes)
    const notes = this.#notes.slice(0, maxNotes).map(note => shortened(note, maxNoteCharacters))
    const more = this.#notes.length - notes.length
    if (notes.length === 0) return kept
    return [kept, `Shortened when received: ${notes.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`].filter(part => part).join('\n\n')
  }
}

/** A time of other software (ISO 8601, with or without a colon in its offset); undefined where it says none, as Go does by that of the year 1. */
export function fitInstant(text: string | undefined): Instant | undefined {
  const parsed = z.iso.datetime({ offset: true }).safeParse(text?.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
  return parsed.success ? instantAt(Date.parse(parsed.data)) : undefined
}

/** A deduplication key as it is kept: a long one ends with a digest of the whole, so that two stay two. */
export function fitKey(key: string): string {
  if (key.length <= max.key) return key
  return `${shortened(key, max.key - 64)}${createHash('sha256').update(key).digest('hex')}`
}
