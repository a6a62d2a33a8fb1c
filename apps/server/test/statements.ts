import pg from 'pg'

/** How many statements the transaction of the work sends to the database; others that run meanwhile are not counted. */
export async function statements(work: () => Promise<unknown>): Promise<number> {
  const original = pg.Client.prototype.query
  let count = 0
  let own: pg.Client | undefined
  Object.assign(pg.Client.prototype, {
    query(this: pg.Client, ...given: Parameters<typeof original>) {
      if (given[0] === 'begin') own ??= this
      if (own === this) count += 1
      return original.apply(this, given)
    },
  })
  try {
    await work()
  } finally {
    Object.assign(pg.Client.prototype, { query: original })
  }
  return count
}
