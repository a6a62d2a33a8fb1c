import '@fontsource-variable/inter'
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './styles.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ConfirmIdentity } from './entry/confirm-identity.tsx'
import { Announcer } from './parts/announce.tsx'
import { Confirmations } from './parts/confirm.tsx'
import { queryClient } from './query-client.ts'
import { router } from './router.tsx'
import { theme } from './theme.ts'

const root = document.getElementById('root')
if (!root) throw new Error('the page has a root')

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <Announcer />
      <Notifications position="bottom-right" limit={3} autoClose={5_000} aria-live="polite" />
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
        <Confirmations />
        <ConfirmIdentity />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
