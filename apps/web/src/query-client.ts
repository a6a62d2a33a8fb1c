import { type Query, QueryClient } from '@tanstack/react-query'
import { ProblemError } from '@tocsin/api'

/** What could not be read because the server failed, or was not found, is asked for again at this pace. */
const againMs = 10_000
const isWorthAnother = ({ state: { error } }: Query<unknown, Error>) => error instanceof ProblemError && error.problem.status >= 500

/**
 * What has been read, for all pages. Requests are sent whatever the browser believes of its connection: one that is held back until it believes in
 * one again would spin without a word.
 */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { networkMode: 'always', refetchInterval: query => (isWorthAnother(query) ? againMs : false) },
    mutations: { networkMode: 'always' },
  },
})
