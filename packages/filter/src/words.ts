/** "a, b or c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`
}

/** The known word that is most like another, at most two letters away (a third of a short one). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 30) return undefined
  const wanted = word.toLowerCase()
  const best = known
    .map(one => ({ one, distance: distanceOf(wanted, one.toLowerCase()) }))
    .reduce((least, each) => (each.distance < least.distance ? each : least), { one: '', distance: Number.POSITIVE_INFINITY })
  return best.distance <= Math.min(2, Math.ceil(wanted.length / 3)) ? best.one : undefined
}

/** Letters that are added, left out, exchanged or swapped with their neighbor between two words. */
function distanceOf(one: string, other: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, n) => n)]
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const cost = one[i - 1] === other[j - 1] ? 0 : 1
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost)
      row.push(isSwapped ? Math.min(least, (before[j - 2] ?? 0) + 1) : least)
    }
    ;[before, last] = [last, row]
  }
  return last[other.length] ?? 0
}
