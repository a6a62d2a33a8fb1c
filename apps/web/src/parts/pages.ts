import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query'
import type { ProblemError } from '@tocsin/api'
import { useEffect } from 'react'
import { callAny, retry } from '../api.ts'

interface Chunk<T> {
  items: T[]
  next: string | null
}

type ListName =
  | 'alertOccurrences'
  | 'alerts'
  | 'deadLetters'
  | 'detectionRules'
  | 'detectionRuleVersions'
  | 'drills'
  | 'erasures'
  | 'handoffNotes'
  | 'ignoredIndicators'
  | 'followUps'
  | 'incidents'
  | 'incidentNotes'
  | 'incidentTimeline'
  | 'journal'
  | 'journalDeadLetters'
  | 'myPages'
  | 'myTasks'
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
    retry,
    initialPageParam: undefined,
    getNextPageParam: last => last.next ?? undefined,
  })
  return Object.assign(pages, { items: pages.data?.pages.flatMap(page => page.items) })
}

const maxChoices = 1_000

/** A list to choose from: page after page until all are there, up to a thousand. `hint` says when there are more. */
export function useChoices<T>(name: ListName, query: object, isEnabled = true): { items: readonly T[]; hint: string | undefined } {
  const pages = usePages<T>(name, query, { isEnabled })
  const { items = [], hasNextPage, isFetchingNextPage, isError, fetchNextPage } = pages
  const wantsMore = hasNextPage && !isFetchingNextPage && !isError && items.length < maxChoices
  useEffect(() => {
    if (wantsMore) void fetchNextPage()
  }, [wantsMore, fetchNextPage])
  const isCut = hasNextPage && items.length >= maxChoices
  return {
    items,
    hint: isError
      ? 'The list could not be loaded completely.'
      : pages.data === undefined && isEnabled
        ? 'Loading…'
        : isCut
          ? `Only the newest ${maxChoices.toLocaleString('en')} are listed.`
          : undefined,
  }
}
