import { maxSequenceLength, type TimelineEntry } from '@tocsin/api'
import { condense, rankOf } from './condense.ts'

/** Characters that the line which counts what was left out may take. */
const countLength = 100

const lineOf = ({ at, by, sentence, reason }: TimelineEntry) =>
  `- ${at.slice(0, 16).replace('T', ' ')} UTC, ${by}: ${sentence}${reason === null ? '' : ` — ${reason.split('\n').join(' ')}`}`

/**
 * A timeline as text, a line for each entry. Of one that is longer than a review can hold, repeated entries are joined; when that is not enough,
 * milestones and decisions come before other work, and that before pages, as far as whole lines fit. A last line counts the rest.
 */
export function sequenceOf(timeline: readonly TimelineEntry[]): string {
  const whole = timeline.map(lineOf).join('\n')
  if (whole.length <= maxSequenceLength) return whole
  const lines = condense(timeline).map(entry => ({ text: lineOf(entry), rank: rankOf(entry), count: entry.count, place: entry.place }))
  const joined = lines.map(line => line.text).join('\n')
  if (joined.length <= maxSequenceLength) return joined
  const kept = new Set<number>()
  let length = countLength
  for (const { text, place } of lines.toSorted((a, b) => a.rank - b.rank || a.place - b.place)) {
    if (length + text.length + 1 > maxSequenceLength) continue
    length += text.length + 1
    kept.add(place)
  }
  const missing = lines.filter(line => !kept.has(line.place)).reduce((sum, line) => sum + line.count, 0)
  const isTail = lines.slice(0, kept.size).every(line => kept.has(line.place))
  const texts = lines.filter(line => kept.has(line.place)).map(line => line.text)
  return [...texts, `- Not included for length: ${isTail ? 'the last ' : ''}${missing} of ${timeline.length} entries of the timeline.`].join('\n')
}
