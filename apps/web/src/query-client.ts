import { QueryClient } from '@tanstack/react-query'

/**
 * What has been read, for all pages. Requests are sent whatever the browser believes of its connection: one that is held back until it believes in
 * one again would spin without a word.
 */
export const queryClient = new QueryClient({ defaultOptions: { queries: { networkMode: 'always' }, mutations: { networkMode: 'always' } } })
