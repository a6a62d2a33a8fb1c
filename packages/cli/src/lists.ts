interface PageOfList<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** The whole of a list, page after page. */
export async function allPages<T>(read: (query: { limit: number; cursor?: string }) => Promise<PageOfList<T>>): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page = await read({ limit: 200, ...(cursor === undefined ? {} : { cursor }) })
    items.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return items
}
