/** The zones to choose from: those that the browser lists, UTC, which it leaves out, and the one that is set, which may be an alias. */
export function timeZoneChoices(current: string): string[] {
  return [...new Set(['UTC', ...(current === '' ? [] : [current]), ...Intl.supportedValuesOf('timeZone')])]
}
