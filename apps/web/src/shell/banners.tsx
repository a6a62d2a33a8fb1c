import { Anchor, Text } from '@mantine/core'
import { IconClockHour4, IconFlask, IconLogout, IconMailOff } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useApi } from '../api.ts'
import { lastTimeOf } from '../parts/notice-term.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { remaining, useNow } from '../parts/time.tsx'
import { useHasSessionEnded, useMay } from '../session.ts'
import { clockText } from './clock-text.ts'

/** What every page says: a session that has ended, a clock that runs, paging that is not live, demo data. One line each. */
export function Banners() {
  const status = useApi('status')
  const counters = useApi('counters')
  const hasEnded = useHasSessionEnded()
  const mayLead = useMay('lead')
  const stalled = counters.data?.stalledChannels ?? []
  const isUnknown = [status, counters].some(query => query.isError && query.data === undefined)
  return (
    <>
      {hasEnded ? (
        <div className="clock-bar" data-timing="overdue" role="alert">
          <IconLogout size={16} aria-hidden />
          <Text inherit>
            Your session has ended, and this page is out of date.{' '}
            <Anchor href="/sign-in?to=/" target="_blank" inherit c="inherit" underline="always">
              Sign in in a new tab
            </Anchor>
            , and come back: what you typed is still here.
          </Text>
        </div>
      ) : null}
      {isUnknown ? (
        <div className="clock-bar" data-timing="due-soon" role="status">
          <IconMailOff size={16} aria-hidden />
          <Text inherit>Whether pages are delivered could not be loaded.</Text>
        </div>
      ) : null}
      <RunningClock />
      {status.data && !status.data.isPagingLive ? (
        <div className="clock-bar" data-timing="due-soon" role="status">
          <IconMailOff size={16} aria-hidden />
          <Text inherit>
            Email is not configured, so pages are not delivered. See held messages in the{' '}
            <RouteLink to="/messages" inherit c="inherit" underline="always">
              message log
            </RouteLink>
            {mayLead ? (
              <>
                , or open the{' '}
                <RouteLink to="/setup-checklist" inherit c="inherit" underline="always">
                  setup checklist
                </RouteLink>
              </>
            ) : null}
            .
          </Text>
        </div>
      ) : null}
      {stalled.length > 0 ? (
        <div className="clock-bar" data-timing="due-soon" role="status">
          <IconMailOff size={16} aria-hidden />
          <Text inherit>
            Messages by {stalled.join(', ')} are not delivered. See errors in the{' '}
            <RouteLink to="/messages" inherit c="inherit" underline="always">
              message log
            </RouteLink>
            .
          </Text>
        </div>
      ) : null}
      {status.data?.hasDemo ? (
        <div className="clock-bar" data-timing="note">
          <IconFlask size={16} aria-hidden />
          <Text inherit>
            Demo data is loaded. Remove it in{' '}
            <RouteLink to="/settings" inherit c="inherit" underline="always">
              settings
            </RouteLink>
            .
          </Text>
        </div>
      ) : null}
    </>
  )
}

/** The notification obligation that is due first, until it is fulfilled. One of an exercise hides none that is real. */
function RunningClock() {
  const obligations = useApi('obligations', { query: { view: 'open', isExercise: 'false', limit: 1 } })
  const counters = useApi('counters')
  const now = useNow(15_000)
  const first = obligations.data?.items[0]
  const others = (counters.data?.obligationsDue ?? 1) - 1
  if (obligations.isError && obligations.data === undefined)
    return (
      <div className="clock-bar" data-timing="due-soon" role="status">
        <IconClockHour4 size={16} aria-hidden />
        <Text inherit>Notification deadlines could not be loaded.</Text>
      </div>
    )
  if (!first?.dueAt) return null
  const dueAt = lastTimeOf(first, first.dueAt)
  const isOverdue = Date.parse(dueAt) < now
  const timing = isOverdue ? 'overdue' : first.timing === 'due-soon' ? 'due-soon' : 'due'
  return (
    <Link to="/incidents/$id" params={{ id: first.incident.id }} search={{ tab: 'notices' }} className="clock-bar" data-timing={timing}>
      <IconClockHour4 size={16} aria-hidden />
      <Text inherit fw={620} className="numeric">
        {isOverdue ? `${remaining(dueAt, now)} overdue` : `${remaining(dueAt, now)} left`}
      </Text>
      <Text inherit>{clockText(first, others)}</Text>
    </Link>
  )
}
