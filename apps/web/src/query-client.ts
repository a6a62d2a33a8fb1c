import { QueryClient } from '@tanstack/react-query'

/** What has been read, for all pages. */
export const queryClient = new QueryClient()
