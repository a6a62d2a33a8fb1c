/** What the address of the alerts says; the page makes sense of it. */
export interface AlertsSearch {
  readonly view?: 'all'
  readonly filter?: string
  readonly sort?: string
  readonly alert?: string
}

/** Reads the address. What it says wrong is left out. */
export function alertsSearch({ view, filter, sort, alert }: Record<string, unknown>): AlertsSearch {
  return {
    ...(view === 'all' ? { view } : {}),
    ...(typeof filter === 'string' && filter !== '' ? { filter } : {}),
    ...(typeof sort === 'string' ? { sort } : {}),
    ...(typeof alert === 'string' ? { alert } : {}),
  }
}
