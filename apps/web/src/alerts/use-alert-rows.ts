import { useQueries } from '@tanstack/react-query'
import type { AlertRow, ProblemError } from '@tocsin/api'
import { useCallback, useEffect, useRef, useState } from 'react'
import { callAny, type Reply, retry } from '../api.ts'
import type { Selection } from './selection.ts'

/** Rows of one request. */
const pageSize = 100
/** How long pages that have been scrolled away are kept, in milliseconds: a list of any length takes the memory of what is seen. */
const keptMs = 10_000

/** Alerts of which only those around what is seen are in memory: the others are read when they are scrolled to. */
export interface AlertRows {
  /** Rows that the list has room for; undefined before anything is known. Where the end is not known, it grows while it is scrolled. */
  readonly count: number | undefined
  readonly isAtEnd: boolean
  /** None contains the text of the filter: these are similar. */
  readonly isApproximate: boolean
  readonly error: ProblemError | null
  readonly rowAt: (index: number) => AlertRow | undefined
  /** Where an alert is, if it is among those in memory. */
  readonly indexOf: (id: string) => number
  /** Says which rows are seen. */
  readonly see: (first: number, last: number) => void
  /** Keeps what is shown as it is, so that nothing moves under the pointer, until it is released. */
  readonly hold: () => void
  readonly release: () => void
  readonly isHeld: boolean
  readonly retry: () => void
}

type Chunk = Reply<'alertRows'>

/** Reads alerts page by page, each from where the page before ends. */
export function useAlertRows(selection: Pick<Selection, 'view' | 'filter' | 'sort'>): AlertRows {
  const key = JSON.stringify(selection)
  const [seen, setSeen] = useState({ key, first: 0, last: 0 })
  /** Where each page begins; the first begins nowhere. */
  const [starts, setStarts] = useState<{ key: string; cursors: readonly (string | null)[] }>({ key, cursors: [null] })
  const [held, setHeld] = useState<ReadonlyMap<number, readonly AlertRow[]>>()
  const cursors = starts.key === key ? starts.cursors : [null]
  const { first, last } = seen.key === key ? seen : { first: 0, last: 0 }
  const indexes = Array.from(
    { length: Math.min(last, cursors.length - 1) - Math.min(first, cursors.length - 1) + 1 },
    (_, n) => Math.min(first, cursors.length - 1) + n,
  )
  const results = useQueries({
    queries: indexes.map(index => ({
      queryKey: ['alertRows', selection, cursors[index] ?? null],
      queryFn: () =>
        callAny('alertRows', { query: { ...selection, limit: pageSize, ...(cursors[index] ? { cursor: cursors[index] } : {}) } }) as Promise<Chunk>,
      gcTime: keptMs,
      staleTime: 5_000,
      retry,
    })),
  })
  const chunks = useRef<{ key: string; byIndex: Map<number, Chunk> }>({ key, byIndex: new Map() })
  if (chunks.current.key !== key) chunks.current = { key, byIndex: new Map() }
  const { byIndex } = chunks.current
  for (const [n, { data }] of results.entries()) if (data !== undefined) byIndex.set(indexes[n] ?? 0, data)
  for (const index of byIndex.keys()) if (index < first - 2 || index > last + 2) byIndex.delete(index)

  // A page that was read tells where the next one begins.
  const next = results.flatMap(({ data }, n) => (data === undefined ? [] : [{ index: (indexes[n] ?? 0) + 1, cursor: data.next }]))
  const isNew = next.some(({ index, cursor }) => (cursor === null ? cursors.length > index : cursors[index] !== cursor))
  useEffect(() => {
    if (!isNew) return
    const found = [...cursors]
    for (const { index, cursor } of next) {
      if (cursor === null) found.splice(index)
      else found[index] = cursor
    }
    setStarts({ key, cursors: found })
  })

  const ends = results.find(({ data }) => data !== undefined && data.next === null)?.data
  const isAtEnd = ends !== undefined && !isNew
  const lastLength = isAtEnd ? ends.items.length : pageSize
  const isKnown = byIndex.size > 0
  const shown = useCallback(
    (index: number) => (held?.get(Math.floor(index / pageSize)) ?? byIndex.get(Math.floor(index / pageSize))?.items)?.[index % pageSize],
    [held, byIndex],
  )
  const see = useCallback(
    (from: number, until: number) => {
      const pages = { key, first: Math.floor(Math.max(0, from) / pageSize), last: Math.floor(Math.max(0, until) / pageSize) }
      setSeen(before => (before.key === key && before.first === pages.first && before.last === pages.last ? before : pages))
    },
    [key],
  )
  const count = isKnown ? (cursors.length - 1) * pageSize + lastLength : undefined
  const heldCount = held === undefined ? 0 : Math.max(0, ...[...held].map(([index, rows]) => index * pageSize + rows.length))
  return {
    count: count === undefined ? undefined : Math.max(count, heldCount),
    isAtEnd,
    isApproximate: byIndex.get(0)?.isApproximate ?? false,
    error: (results.find(({ error }) => error !== null)?.error as ProblemError | null | undefined) ?? null,
    rowAt: shown,
    indexOf: id => {
      for (const [index, { items }] of byIndex) {
        const at = (held?.get(index) ?? items).findIndex(row => row.id === id)
        if (at >= 0) return index * pageSize + at
      }
      return -1
    },
    see,
    hold: () => setHeld(before => before ?? new Map([...byIndex].map(([index, { items }]) => [index, items]))),
    release: () => setHeld(undefined),
    isHeld: held !== undefined,
    retry: () => {
      for (const { isError, refetch } of results) if (isError) void refetch()
    },
  }
}
