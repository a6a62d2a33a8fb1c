const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** An instant or a day (ISO 8601) as people read it, in UTC: `Nov 28, 10:02`, `Nov 28`; with its year when that is not the year of `seenAt`. */
export function when(instant: string, seenAt: string): string {
  const date = new Date(instant)
  const iso = date.toISOString()
  const day = `${months[date.getUTCMonth()]} ${date.getUTCDate()}`
  const year = iso.slice(0, 4) === seenAt.slice(0, 4) ? '' : `, ${iso.slice(0, 4)}`
  return instant.length === 10 ? `${day}${year}` : `${day}${year}, ${iso.slice(11, 16)}`
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

/** `true-positive`, `isRestricted` and the like in words. */
export function words(name: string): string {
  return name
    .replace(/^is(?=[A-Z])/, '')
    .replace(/([A-Z])/g, ' $1')
    .replaceAll('-', ' ')
    .toLowerCase()
    .trim()
}

/** `SEV 1` for `SEV1`. */
export function severity(name: string): string {
  return name.replace(/^SEV/, 'SEV ')
}
