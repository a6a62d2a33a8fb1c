import { Anchor, Button, Checkbox, Group, Paper, Stack, Text, Timeline } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { type Incident, severities, type TimelineEntry } from '@tocsin/api'
import { useEffect, useState } from 'react'
import { SeverityBadge } from '../parts/badges.tsx'
import { Defanged } from '../parts/defanged.tsx'
import { LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'

const milestones = new Set([
  'incident.opened',
  'incident.declared',
  'incident.contained',
  'incident.eradicated',
  'incident.recovered',
  'incident.closed',
  'incident.reopened',
  'obligation.notified',
  'obligation.missed',
  'review.finished',
  'notice.sent',
])

/** How much is shown until more is asked for: on a phone, roles and details come after it. */
const [maxEntries, maxAlerts] = [50, 5]

/** Everything that happened, newest first. */
export function TimelineTab({ incident }: { incident: Incident }) {
  const [isShort, setIsShort] = useState(false)
  const [isWhole, setIsWhole] = useState(false)
  const hasEarlier = incident.timelineNext !== null
  // From the newest entry on, as an incident that goes on moves the place where its latest part begins.
  const whole = usePages<TimelineEntry>('incidentTimeline', {}, { params: { id: incident.id }, isEnabled: isWhole && hasEarlier })
  const { items, isError, hasNextPage, isFetchingNextPage, fetchNextPage } = whole
  const latest = incident.timeline.toReversed()
  const isBehind = items === undefined || (hasNextPage && items.length <= latest.length)
  const wantsMore = isWhole && isBehind && hasNextPage && !isFetchingNextPage && !isError
  useEffect(() => {
    if (wantsMore) void fetchNextPage()
  }, [wantsMore, fetchNextPage])
  const filtered = (isBehind ? latest : items).filter(entry => !isShort || milestones.has(entry.type))
  const entries = isWhole ? filtered : filtered.slice(0, maxEntries)
  const isCut = hasEarlier || entries.length < filtered.length
  return (
    <Stack>
      <Alerts alerts={incident.alerts} />
      <Group justify="flex-end">
        <Checkbox size="xs" label="Milestones only" checked={isShort} onChange={event => setIsShort(event.currentTarget.checked)} />
      </Group>
      <Timeline role="list" bulletSize={12} lineWidth={2} active={-1} aria-label="Timeline">
        {entries.map(entry => (
          <Timeline.Item role="listitem" key={entry.id} color={milestones.has(entry.type) ? 'ember' : 'gray'}>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              <strong>{entry.by}</strong> · <Defanged text={entry.sentence} />
            </Text>
            {entry.reason && !entry.sentence.endsWith(entry.reason) ? (
              <Paper p="sm" mt={6} className="prewrap">
                <Text size="sm">
                  <Defanged text={entry.reason} />
                </Text>
              </Paper>
            ) : null}
            <Text size="xs" className="quiet" component="div" mt={2}>
              <Time at={entry.at} />
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
      {isCut && (!isWhole || isBehind) ? (
        <Group justify="center">
          <Button variant="default" loading={isWhole && !isError} onClick={() => (isError ? void whole.refetch() : setIsWhole(true))}>
            {isError ? 'Earlier entries could not be loaded. Try again' : 'Show earlier entries'}
          </Button>
        </Group>
      ) : (
        <LoadMore list={whole} />
      )}
      {isShort ? (
        <Anchor component="button" size="sm" onClick={() => setIsShort(false)}>
          Show everything
        </Anchor>
      ) : null}
    </Stack>
  )
}

/** The alerts in the incident, the most severe ones first. */
function Alerts({ alerts }: { alerts: Incident['alerts'] }) {
  const [showsAll, setShowsAll] = useState(false)
  if (alerts.length === 0) return null
  const sorted = alerts.toSorted((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity))
  return (
    <Section title="Alerts in this incident" isFlush>
      {(showsAll ? sorted : sorted.slice(0, maxAlerts)).map(alert => (
        <Link key={alert.id} to="/alerts/$id" params={{ id: alert.id }} className="list-row">
          <Group gap={8} wrap="nowrap">
            <SeverityBadge severity={alert.severity} />
            <Text fw={500} lineClamp={1}>
              {alert.title}
            </Text>
          </Group>
        </Link>
      ))}
      {!showsAll && alerts.length > maxAlerts ? (
        <div className="list-row">
          <Anchor component="button" size="sm" onClick={() => setShowsAll(true)}>
            Show all {alerts.length} alerts
          </Anchor>
        </div>
      ) : null}
    </Section>
  )
}
