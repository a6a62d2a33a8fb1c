import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query'
import type { ProblemError } from '@tocsin/api'
import { callAny } from '../api.ts'

interface Chunk<T> {
  items: T[]
  next: string | null
}

type ListName =
  | 'alerts'
  | 'deadLetters'
  | 'detectionRules'
  | 'drills'
  | 'handoffNotes'
  | 'ignoredIndicators'
  | 'followUps'
  | 'incidents'
  | 'journal'
  | 'journalDeadLetters'
  | 'myPages'
  | 'obligations'
  | 'messageLog'
  | 'pages'

/** A list that goes on: page after page of one route. */
export function usePages<T>(
  name: ListName,
  query: object,
  { params, isEnabled = true }: { params?: object; isEnabled?: boolean } = {},
): UseInfiniteQueryResult<InfiniteData<Chunk<T>>, ProblemError> & { items: T[] | undefined } {
  const pages = useInfiniteQuery<Chunk<T>, ProblemError, InfiniteData<Chunk<T>>, unknown[], string | undefined>({
    queryKey: [name, 'pages', query, params],
    queryFn: ({ pageParam }) =>
      callAny(name, { params, query: { ...query, limit: 50, ...(pageParam === undefined ? {} : { cursor: pageParam }) } }) as Promise<Chunk<T>>,
    enabled: isEnabled,
    initialPageParam: undefined,
    getNextPageParam: last => last.next ?? undefined,
  })
  return Object.assign(pages, { items: pages.data?.pages.flatMap(page => page.items) })
}
