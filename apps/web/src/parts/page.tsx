import { Alert, Anchor, Box, Button, Group, Paper, Skeleton, Stack, Text, Title } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ProblemError } from '@tocsin/api'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { fieldSentence, sentenceOf } from '../api.ts'
import { clockTime } from './time.tsx'
import { titleOf } from './title.ts'

/** The frame of a page: what it is, what can be done, and then the thing itself. */
export function Page({
  title,
  name,
  lead,
  actions,
  isWide = false,
  children,
}: {
  title: ReactNode
  /** What the tab of the browser says, where that is not the title. */
  name?: string
  lead?: ReactNode
  actions?: ReactNode
  /** It takes all the width there is, as a table with many columns does. */
  isWide?: boolean
  children: ReactNode
}) {
  const tab = name ?? (typeof title === 'string' ? title : undefined)
  useEffect(() => {
    if (tab !== undefined) titleOf.page(tab)
  }, [tab])
  return (
    <Stack gap={isWide ? 'sm' : 'lg'} className={isWide ? 'page page-wide' : 'page'}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Box maw={720}>
          <Title order={1}>{title}</Title>
          {lead ? (
            <Text className="quiet" mt={4}>
              {lead}
            </Text>
          ) : null}
        </Box>
        {actions ? <Group gap="xs">{actions}</Group> : null}
      </Group>
      {children}
    </Stack>
  )
}

/** A titled block. @param props.count how many it lists, where that is worth saying */
export function Section({
  title,
  count = 0,
  actions,
  children,
  isFlush = false,
}: {
  title: string
  count?: number
  actions?: ReactNode
  children: ReactNode
  isFlush?: boolean
}) {
  return (
    <Paper component="section" aria-label={title}>
      <Group justify="space-between" px="md" py={10} style={{ borderBottom: '1px solid var(--line)' }}>
        <Title order={2} size="h3">
          {title}
          {count > 1 ? (
            <Text span inherit className="quiet numeric" fw={400}>
              {' '}
              {count.toLocaleString('en')}
            </Text>
          ) : null}
        </Title>
        {actions}
      </Group>
      <Box p={isFlush ? 0 : 'md'}>{children}</Box>
    </Paper>
  )
}

/** Loads the next page of a list that has one. */
export function LoadMore({ list }: { list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> } }) {
  if (!list.hasNextPage) return null
  return (
    <Group justify="center" p="sm">
      <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
        Load more
      </Button>
    </Group>
  )
}

/** Nothing here: says why, and what to do. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py={44} px="md" ta="center">
      <Text fw={600}>{title}</Text>
      {children ? (
        <Text className="quiet" maw={460} component="div">
          {children}
        </Text>
      ) : null}
      {action ? <Box mt="sm">{action}</Box> : null}
    </Stack>
  )
}

export function ProblemNote({ error, onRetry }: { error: ProblemError | string; onRetry?: () => void }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} title={typeof error === 'string' ? undefined : error.problem.title} role="alert">
      <Group justify="space-between">
        <Text size="sm">{typeof error === 'string' ? error : sentenceOf(error)}</Text>
        {onRetry ? (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        ) : null}
      </Group>
    </Alert>
  )
}

/** Shows a question's answer: a skeleton while it is on its way, a sentence when it fails; an answer that could not be read again with its age. */
export function Loaded<T>({ query, rows = 4, children }: { query: UseQueryResult<T, ProblemError>; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined)
    return (
      <>
        <StaleNote query={query} />
        {children(query.data)}
      </>
    )
  if (query.isError) return <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
  return (
    <Stack gap="sm" p="md" role="group" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => `row ${row}`).map(key => (
        <Skeleton key={key} height={22} radius="sm" />
      ))}
      {query.failureCount > 0 ? <Text size="sm">Could not be loaded. Trying again…</Text> : null}
    </Stack>
  )
}

/** Says that what is shown could not be read again, and of when it is. */
export function StaleNote({ query }: { query: Pick<UseQueryResult<unknown, ProblemError>, 'data' | 'error' | 'dataUpdatedAt' | 'isFetching' | 'refetch'> }) {
  if (query.data === undefined || !query.error) return null
  return (
    <Group className="stale" gap="xs" role="status">
      <IconAlertTriangle size={15} aria-hidden />
      <Text size="sm" flex={1}>
        Could not refresh. Data as of {clockTime(query.dataUpdatedAt)}.
      </Text>
      <Button size="compact-sm" variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
        Retry
      </Button>
    </Group>
  )
}

/**
 * True while a block that is shown only where there is something has nothing to say: there is none, or it is on its way. One that could not be read
 * is shown, and says so.
 */
export const isAbsent = <T,>({ data, isError }: Pick<UseQueryResult<T, ProblemError>, 'data' | 'isError'>, isNone: (data: T) => boolean): boolean =>
  data === undefined ? !isError : isNone(data)

/** A page about one record. Until that is loaded, and where it cannot be, it has this title, and a way out. */
export function LoadedPage<T>(props: { title: string; wayOut: ReactNode; query: UseQueryResult<T, ProblemError>; children: (data: T) => ReactNode }) {
  const { title, wayOut, query, children } = props
  if (query.data !== undefined)
    return (
      <>
        <StaleNote query={query} />
        {children(query.data)}
      </>
    )
  return (
    <Page title={title} lead={query.isError ? wayOut : null}>
      <Loaded query={query}>{children}</Loaded>
    </Page>
  )
}

/**
 * What a form says that belongs to no field, and what belongs to one that this form does not show at it, such as one row of an editor of its own:
 * nothing is refused without a word.
 * @param newer takes over what somebody else has saved meanwhile, if anybody has
 */
export function FormProblem({ errors, newer }: { errors: Record<string, ReactNode>; newer?: (() => void) | undefined }) {
  const here = useRef<HTMLDivElement>(null)
  const [loose, setLoose] = useState<readonly string[]>([])
  useEffect(() => {
    const form = here.current?.closest('form')
    const isShown = (path: string) => path === 'form' || form?.querySelector(`[data-path="${CSS.escape(path)}"]`)
    const found = form ? Object.entries(errors).filter(([path]) => !isShown(path)) : []
    setLoose(found.map(([path, message]) => fieldSentence(path, String(message))))
  }, [errors])
  const sentence = [...(errors.form ? [String(errors.form)] : []), ...loose].join(' ')
  return (
    <div ref={here} hidden={sentence === '' && !newer}>
      {newer ? (
        <Alert color={sentence === '' ? 'yellow' : 'red'} icon={<IconAlertTriangle size={18} />} role="alert">
          <Stack gap="xs" align="flex-start">
            <Text size="sm">{sentence || 'Somebody else changed this while you were editing.'}</Text>
            <Button size="xs" variant="default" onClick={newer}>
              Load newer version
            </Button>
            <Text size="xs">What you typed stays.</Text>
          </Stack>
        </Alert>
      ) : sentence === '' ? null : (
        <ProblemNote error={sentence} />
      )}
    </div>
  )
}

export function External({ href, children }: { href: string; children: ReactNode }) {
  return (
    <Anchor href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </Anchor>
  )
}
