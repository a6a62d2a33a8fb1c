import { Group, Stack, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { PageTimeline } from '@tocsin/api'
import { useState } from 'react'
import { call, tellProblem, useApi } from '../api.ts'
import { ExerciseBadge, markedTitle, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { Loaded, LoadMore, Page, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { Time, utc } from '../parts/time.tsx'
import { PageActions } from './page-actions.tsx'
import { pagedTo } from './paged-to.ts'

/** The timeline of a page. */
export function PageTimelinePage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const timeline = useApi('page', { params: { id }, query: { limit: maxEvents } })
  const more = useMoreEvents(id, timeline.data)
  return (
    <Page title={timeline.data ? markedTitle(timeline.data) : 'Page'} actions={timeline.data ? <PageActions page={timeline.data} /> : null}>
      <Loaded query={timeline}>
        {page => (
          <Stack>
            <Group gap="xs">
              <SeverityBadge severity={page.severity} />
              <StateBadge state={page.state} />
              <ExerciseBadge isExercise={page.isExercise} />
              <Text className="quiet">
                {page.urgency} urgency ·{' '}
                {page.team === null ? (
                  page.named?.length ? (
                    `${pagedTo(page)}; then the administrators`
                  ) : (
                    'Every administrator is paged'
                  )
                ) : (
                  <>
                    {page.policy ?? 'Everyone is paged'} ·{' '}
                    <RouteLink to="/on-call/$id" params={{ id: page.team.id }} inherit>
                      {page.team.name}
                    </RouteLink>
                  </>
                )}
              </Text>
            </Group>
            <PageStatus page={page} />
            <Section title="Description">
              <Text className="prewrap">{page.summary}</Text>
              <Subject page={page} />
            </Section>
            <Section title="Timeline">
              <ol className="page-timeline">
                {[...page.events, ...more.events].map(event => (
                  <li key={event.entryId} data-kind={event.kind}>
                    <Text component="div" size="sm" className="quiet numeric" title={utc(event.at)}>
                      {clock.format(new Date(event.at))}
                    </Text>
                    <Text style={{ overflowWrap: 'anywhere' }}>{event.text}</Text>
                  </li>
                ))}
                {page.nextEscalationAt && page.state === 'triggered' && !more.hasNextPage ? (
                  <li data-kind="next">
                    <Text component="div" size="sm" className="quiet numeric">
                      {clock.format(new Date(page.nextEscalationAt))}
                    </Text>
                    <Text className="quiet">escalates to the next level</Text>
                  </li>
                ) : null}
              </ol>
              <LoadMore list={more} />
            </Section>
          </Stack>
        )}
      </Loaded>
    </Page>
  )
}

const maxEvents = 200

/** The parts of a long timeline after the first. Events never change: what was read once stays. */
function useMoreEvents(id: string, timeline: PageTimeline | undefined) {
  const [more, setMore] = useState<Pick<PageTimeline, 'events' | 'next'>>()
  const read = useMutation({
    mutationFn: (cursor: string) => call('page', { params: { id }, query: { limit: maxEvents, cursor } }),
    onSuccess: part => setMore({ events: [...(more?.events ?? []), ...part.events], next: part.next }),
    onError: error => tellProblem(error),
  })
  const next = more === undefined ? (timeline?.next ?? null) : more.next
  return {
    events: more?.events ?? [],
    hasNextPage: next !== null,
    isFetchingNextPage: read.isPending,
    fetchNextPage: async () => next !== null && read.mutate(next),
  }
}

const clock = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit', second: '2-digit' },
  timeZoneName: 'short',
})

function PageStatus({ page }: { page: PageTimeline }) {
  if (page.snoozedUntil)
    return (
      <Text component="div">
        {page.acknowledgedBy} snoozed it until <Time at={page.snoozedUntil} />.
      </Text>
    )
  if (page.state === 'acknowledged' && page.acknowledgedAt)
    return (
      <Text component="div">
        {page.acknowledgedBy} acknowledged <Time at={page.acknowledgedAt} />.
      </Text>
    )
  if (page.state === 'triggered' && page.acknowledgements.length > 0)
    return <Text>{page.acknowledgements.map(one => one.person.name).join(', ')} acknowledged; more acknowledgements needed.</Text>
  return null
}

function Subject({ page }: { page: PageTimeline }) {
  if (page.subject.kind === 'drill' || page.subject.kind === 'system') return null
  const to = page.subject.kind === 'alert' ? '/alerts/$id' : '/incidents/$id'
  return (
    <RouteLink to={to} params={{ id: page.subject.id }} mt="sm" display="inline-block">
      Open the {page.subject.kind}
    </RouteLink>
  )
}
