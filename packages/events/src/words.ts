/** One for each zone that was asked for: to make one takes longer than to use it. */
const formats = new Map<string, Intl.DateTimeFormat>()

/** An instant on the clock of a zone, in parts: `Nov`, `28`, `2026`, `10`, `02`. */
function partsOf(instant: string, timeZone: string): Readonly<Record<string, string>> {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', timeZoneName: 'short' },
      ...{ weekday: 'short', year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' },
    })
  formats.set(timeZone, format)
  return Object.fromEntries(format.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]))
}

/** `Nov 28`, with its year when that is not the year of `seenAt`. */
function dayOf({ month, day, year }: Readonly<Record<string, string>>, seenAt: string, timeZone: string): string {
  return `${month} ${day}${year === partsOf(seenAt, timeZone).year ? '' : `, ${year}`}`
}

/**
 * An instant or a day (ISO 8601) as people read it: `Nov 28, 10:02 UTC`, `Nov 28`; with its year when that is not the year of `seenAt`.
 * @param timeZone IANA name of the zone on whose clock it is told
 */
export function when(instant: string, seenAt: string, timeZone = 'UTC'): string {
  const parts = partsOf(instant, timeZone)
  const day = dayOf(parts, seenAt, timeZone)
  return instant.length === 10 ? day : `${day}, ${parts.hour}:${parts.minute} ${parts.timeZoneName}`
}

/** From one instant to another: `Mon, Nov 23, 09:00 to Mon, Nov 30, 09:00 (Europe/Berlin)`. */
export function span(start: string, end: string, seenAt: string, timeZone = 'UTC'): string {
  const [from, to] = [start, end].map(instant => {
    const parts = partsOf(instant, timeZone)
    return `${parts.weekday}, ${dayOf(parts, seenAt, timeZone)}, ${parts.hour}:${parts.minute}`
  })
  return `${from} to ${to} (${timeZone})`
}

/** Seconds as people say them: `45 s`, `12 min`, `3 h`. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** Names with commas between them, or what is said where there are none. */
export function list(names: readonly string[], none: string): string {
  return names.length === 0 ? none : names.join(', ')
}

/** `1 alert`, `1,200 alerts`. @param plural where it is not the noun with an s */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`
}

/** The first few of some names, and how many more there are. */
export function few(names: readonly string[]): string {
  const maxNames = 5
  const more = names.length - maxNames
  return more > 0 ? `${names.slice(0, maxNames).join(', ')} and ${more.toLocaleString('en-US')} more` : names.join(', ')
}

/** `true-positive`, `isRestricted` and the like in words. */
export function words(name: string): string {
  return name
    .replace(/^is(?=[A-Z])/, '')
    .replace(/([A-Z])/g, ' $1')
    .replaceAll('-', ' ')
    .toLowerCase()
    .trim()
}

/** Characters of a text that a sentence has room for. */
const maxQuoted = 120

/** The first line of a text in which something stands, shortened; without the signs of a heading, a list or a quotation. */
export function firstLine(text: string): string {
  const [line = ''] = text.split('\n').flatMap(each => each.replace(/^[#>*+\s-]+/, '').trim() || [])
  return line.length > maxQuoted ? `${line.slice(0, maxQuoted - 1).replace(/[\ud800-\udbff]$/, '')}…` : line
}

/** The title of what a person reported, up to the quotation of its text. */
const reported = /^(.*\bReport R-[2-9A-HJKMNP-Z]{8}): .*$/s

/** A title as entries have it: that of a report without what the reporter wrote, which has to be erasable. */
export const titleOnRecord = (title: string): string => reported.exec(title)?.[1] ?? title

const quoted = (text: string | undefined) => (text === undefined || text === '' ? 'nothing' : `“${firstLine(text)}”`)

/** `title from “Odd” to “Odder”`. */
export const fromTo = (name: string, before: string | undefined, after: string | undefined): string => `${name} from ${quoted(before)} to ${quoted(after)}`
