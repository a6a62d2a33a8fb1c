import { Box, Button, Group, Loader, Skeleton, Stack, Text, Title } from '@mantine/core'
import { type ErrorComponentProps, lazyRouteComponent, useRouter } from '@tanstack/react-router'
import { type ComponentType, lazy, Suspense } from 'react'

/** A part of Tocsin that could not be fetched: there is no network, or the server has a newer version, whose parts have other names. */
class NotFetched extends Error {
  override readonly name = 'NotFetched'
}

async function fetched<Parts>(fetchParts: () => Promise<Parts>): Promise<Parts> {
  try {
    return await fetchParts()
  } catch (error) {
    throw new NotFetched('This part of Tocsin could not be loaded.', { cause: error })
  }
}

/**
 * A page that is fetched when it is opened. The router reloads by itself what it knows as a missing part, which without a network replaces Tocsin by a page of the
 * browser: here the person decides.
 */
export const lazyPage = <Pages extends Record<Name, () => React.ReactNode>, Name extends string>(fetchPages: () => Promise<Pages>, name: Name) =>
  lazyRouteComponent(async () => ({ default: (await fetched(fetchPages))[name] }))

/** A part of a page that few see, such as a tab: it is fetched when it is shown first. */
export function lazyPart<Props extends object>(fetchPart: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const Part = lazy(async () => ({ default: await fetched(fetchPart) }))
  return props => (
    <Suspense fallback={<Skeleton height={88} m="md" role="group" aria-busy="true" aria-label="Loading" />}>
      <Part {...props} />
    </Suspense>
  )
}

/** Instead of a page that could not be fetched, or that failed: never nothing. */
export function PageFailed({ error }: ErrorComponentProps) {
  const router = useRouter()
  const isNotFetched = error instanceof NotFetched
  return (
    <Box p="xl" role="alert">
      <Stack maw={560}>
        <Title order={1}>{isNotFetched ? 'This page could not be loaded' : 'Something went wrong on this page'}</Title>
        <Text>
          {isNotFetched
            ? 'The connection failed, or Tocsin was updated meanwhile. Try again, or reload to get the current version.'
            : `${error instanceof Error ? error.message : String(error)}. Reload the page. If that does not help, tell your administrator what you did.`}
        </Text>
        <Group>
          {isNotFetched ? <Button onClick={() => void router.invalidate()}>Try again</Button> : null}
          <Button variant={isNotFetched ? 'default' : 'filled'} onClick={() => window.location.reload()}>
            Reload
          </Button>
        </Group>
      </Stack>
    </Box>
  )
}

export const PagePending = () => <Loader m="xl" role="status" aria-label="Loading" />
