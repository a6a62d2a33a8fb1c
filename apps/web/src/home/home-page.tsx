import { Anchor, Button, Group, Paper, SimpleGrid, Stack, Text } from '@mantine/core'
import { IconFlask } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { isUnacknowledged, type MyTask, maxCounted, type Page as OncallPage } from '@tocsin/api'
import { type ReactNode, useState } from 'react'
import { AlertRow } from '../alerts/alert-row.tsx'
import { type Reply, useApi, useCommand } from '../api.ts'
import { IncidentRow } from '../incidents/incident-row.tsx'
import { AcknowledgeButton } from '../paging/page-actions.tsx'
import { pagedTo } from '../paging/paged-to.ts'
import { DueBadge, ExerciseBadge, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { capped } from '../parts/capped.ts'
import { useHeldRows } from '../parts/held-rows.ts'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, Loaded, LoadMore, Page, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { clockTime, Time } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'
import { ChecklistCard } from '../setup/checklist-card.tsx'

/** How many of each the page shows; where there are more, it says so and leads to the rest. */
const [maxPages, maxTasks, maxIncidents, maxAlerts] = [10, 8, 8, 6]

/** The first of a list, real ones before those of exercises; and how many of them are real, as the counters count them. */
function realFirst<T extends { readonly isExercise: boolean }>(items: readonly T[], max: number): { readonly shown: readonly T[]; readonly real: number } {
  const shown = [...items.filter(({ isExercise }) => !isExercise), ...items.filter(({ isExercise }) => isExercise)].slice(0, max)
  return { shown, real: shown.filter(({ isExercise }) => !isExercise).length }
}

/** What needs a person now stands first. */
export function HomePage() {
  const me = useMe()
  const navigate = useNavigate()
  const services = useApi('services')
  const pages = useApi('pages')
  const alerts = useApi('alerts', { query: { view: 'triage', limit: 100 } })
  const incidents = useApi('incidents', { query: { view: 'open', limit: 100 } })
  const counters = useApi('counters')
  const tasks = useMyTasks()
  const unacknowledged = pages.data && realFirst(pages.data.items.filter(isUnacknowledged), maxPages)
  const { rows, hold } = useHeldRows(unacknowledged?.shown, id => pages.data?.items.find(page => page.id === id))
  const queue = useHeldRows(alerts.data && realFirst(alerts.data.items, maxAlerts).shown)
  const open = incidents.data ? realFirst(incidents.data.items, maxIncidents).shown : []
  const lists = { pages: rows.map(({ row }) => row.id), incidents: open.map(({ id }) => id), alerts: queue.rows.map(({ row }) => row.id) }
  useListKeys([...lists.pages, ...lists.incidents, ...lists.alerts], id => {
    const to = lists.pages.includes(id) ? '/pages/$id' : lists.incidents.includes(id) ? '/incidents/$id' : '/alerts/$id'
    void navigate({ to, params: { id } })
  })
  const headline = leadOf([counters, tasks, pages, alerts, incidents], counters.data, tasks.items?.length, tasks.hasNextPage)
  if (services.data?.length === 0 && alerts.data?.items.length === 0 && incidents.data?.items.length === 0) return <Welcome />
  return (
    <Page title={`Hello ${me?.person.name.split(' ')[0] ?? ''}`} name="Now" lead={headline}>
      <Section title="Unacknowledged pages" isFlush>
        <Loaded query={pages} rows={2}>
          {() =>
            rows.length === 0 ? (
              <Text className="quiet" p="md">
                No unacknowledged pages.
              </Text>
            ) : (
              <>
                <div {...hold}>
                  {rows.map(({ row, hasLeft }) => (
                    <UnacknowledgedPage key={row.id} page={row} hasLeft={hasLeft} />
                  ))}
                </div>
                <More counters={counters} of="unacknowledgedPages" shown={unacknowledged?.real ?? 0}>
                  {n => (
                    <RouteLink to="/pages" search={{ view: 'all' }} size="sm">
                      {n === '1' ? '1 more unacknowledged page' : `${n} more unacknowledged pages`}
                    </RouteLink>
                  )}
                </More>
              </>
            )
          }
        </Loaded>
      </Section>
      <MyTasks />
      <Section
        title="Open incidents"
        isFlush
        actions={
          <RouteLink to="/incidents" size="sm">
            All incidents
          </RouteLink>
        }
      >
        <Loaded query={incidents}>
          {page =>
            page.items.length === 0 ? (
              <Empty title="No open incidents">Escalate an alert to open a suspected incident.</Empty>
            ) : (
              <>
                {open.map(incident => (
                  <IncidentRow key={incident.id} incident={incident} />
                ))}
                <More counters={counters} of="openIncidents" shown={realFirst(page.items, maxIncidents).real}>
                  {n => (
                    <RouteLink to="/incidents" size="sm">
                      {n === '1' ? '1 more open incident' : `${n} more open incidents`}
                    </RouteLink>
                  )}
                </More>
              </>
            )
          }
        </Loaded>
      </Section>
      <SimpleGrid cols={{ base: 1, lg: 2 }}>
        <Section
          title="Alerts to triage"
          isFlush
          actions={
            <RouteLink to="/alerts" size="sm">
              Triage queue
            </RouteLink>
          }
        >
          <Loaded query={alerts}>
            {page =>
              page.items.length === 0 ? (
                <Empty title="No alerts to triage">Every alert has been triaged.</Empty>
              ) : (
                <>
                  <div {...queue.hold}>
                    {queue.rows.map(({ row, hasLeft }) => (
                      <AlertRow key={row.id} alert={row} hasLeft={hasLeft} />
                    ))}
                  </div>
                  <More counters={counters} of="alertsToTriage" shown={realFirst(page.items, maxAlerts).real}>
                    {n => (
                      <RouteLink to="/alerts" size="sm">
                        {n === '1' ? '1 more alert to triage' : `${n} more alerts to triage`}
                      </RouteLink>
                    )}
                  </More>
                </>
              )
            }
          </Loaded>
        </Section>
        <OnCallNow />
      </SimpleGrid>
      <ChecklistCard />
    </Page>
  )
}

const useMyTasks = () => usePages<MyTask>('myTasks', {})

/** What is assigned to the viewer; nothing where there is none. */
function MyTasks() {
  const tasks = useMyTasks()
  const [showsAll, setShowsAll] = useState(false)
  const { items = [], hasNextPage } = tasks
  if (tasks.items?.length === 0) return null
  const shown = showsAll ? items : items.slice(0, maxTasks)
  return (
    <Section title="Your tasks" isFlush>
      <Loaded query={tasks}>
        {() => (
          <>
            {shown.map(task => (
              <Link key={task.id} to="/incidents/$id" params={{ id: task.incident.id }} search={{ tab: 'tasks' }} className="list-row">
                <Group justify="space-between" align="flex-start" gap="xs">
                  <div style={{ minWidth: 0, flex: '1 1 260px' }}>
                    <Text fw={550} lineClamp={2}>
                      {task.title}
                    </Text>
                    <Text size="sm" className="quiet" lineClamp={1}>
                      {task.incident.number} {task.incident.title}
                    </Text>
                  </div>
                  <Group gap={6} style={{ flexShrink: 0 }}>
                    <ExerciseBadge isExercise={task.incident.isExercise} />
                    {task.dueOn === null ? null : <DueBadge dueOn={task.dueOn} />}
                  </Group>
                </Group>
              </Link>
            ))}
            {shown.length < items.length ? (
              <div className="list-row">
                <Anchor component="button" size="sm" onClick={() => setShowsAll(true)}>
                  Show all {items.length}
                  {hasNextPage ? '+' : ''} tasks
                </Anchor>
              </div>
            ) : (
              <LoadMore list={tasks} />
            )}
          </>
        )}
      </Loaded>
    </Section>
  )
}

/** How many more there are than the list above shows. */
function More({
  counters,
  of,
  shown,
  children,
}: {
  counters: UseQueryResult<Reply<'counters'>>
  of: 'unacknowledgedPages' | 'openIncidents' | 'alertsToTriage'
  shown: number
  children: (n: string) => ReactNode
}) {
  const all = counters.data?.[of]
  if (all === undefined)
    return counters.isError ? (
      <Text size="sm" className="list-row">
        How many more there are could not be loaded.
      </Text>
    ) : null
  return all > shown ? <div className="list-row">{children(`${all - shown}${all >= maxCounted ? '+' : ''}`)}</div> : null
}

type Asked = Pick<UseQueryResult, 'data' | 'isError' | 'failureCount' | 'dataUpdatedAt'>

/** What needs somebody, in a line. That nothing does is said only where all of it is known, and of when it is where it could not be read again. */
function leadOf(asked: readonly Asked[], counters: Reply<'counters'> | undefined, tasks: number | undefined, hasMoreTasks: boolean): string {
  const counts = [
    [counters?.unacknowledgedPages, 'unacknowledged page'],
    [counters?.alertsToTriage, 'alert', ' to triage'],
    [counters?.openIncidents, 'open incident'],
    [tasks, 'task', ' of yours', hasMoreTasks],
  ] as const
  const known = counts
    .flatMap(([n, noun, after = '', hasMore = false]) => (n ? [`${capped(n)}${hasMore ? '+' : ''} ${noun}${n === 1 ? '' : 's'}${after}`] : []))
    .join(' · ')
  const missing = asked.filter(({ data }) => data === undefined)
  if (missing.length > 0) {
    const why = missing.some(({ isError }) => isError)
      ? 'Some of this could not be loaded.'
      : missing.some(({ failureCount }) => failureCount > 0)
        ? 'Some of this could not be loaded. Trying again…'
        : 'Loading…'
    return known === '' ? why : `${known}. ${why}`
  }
  const stale = asked.filter(({ isError }) => isError)
  const text = known || 'Nothing needs your attention.'
  return stale.length === 0 ? text : `As of ${clockTime(Math.min(...stale.map(({ dataUpdatedAt }) => dataUpdatedAt)))}: ${text}`
}

function UnacknowledgedPage({ page, hasLeft }: { page: OncallPage; hasLeft: boolean }) {
  const last = page.notifications.at(-1)
  return (
    <Group className="list-row" data-left={hasLeft} justify="space-between" wrap="nowrap" align="flex-start">
      <div style={{ minWidth: 0 }}>
        <Group gap={8}>
          <SeverityBadge severity={page.severity} />
          <ExerciseBadge isExercise={page.isExercise} />
          {page.state === 'exhausted' ? <StateBadge state="exhausted" /> : null}
          <Link to="/pages/$id" params={{ id: page.id }} className="row-link" data-row={page.id}>
            {page.title}
          </Link>
        </Group>
        <Text size="sm" className="quiet" component="div" mt={2}>
          {pagedTo(page)}
          {last ? ` · ${last.person} paged ` : ''}
          {last ? <Time at={last.at} isRelative /> : null}
          {page.nextEscalationAt ? (
            <>
              {' · escalates '}
              <Time at={page.nextEscalationAt} isRelative />
            </>
          ) : null}
        </Text>
      </div>
      {hasLeft ? (
        <Text size="sm" className="quiet" style={{ flexShrink: 0 }}>
          {page.acknowledgedBy ? `Acknowledged by ${page.acknowledgedBy}` : 'No longer open'}
        </Text>
      ) : (
        <AcknowledgeButton page={page} />
      )}
    </Group>
  )
}

function OnCallNow() {
  const teams = useApi('onCall')
  return (
    <Section
      title="On call now"
      isFlush
      actions={
        <RouteLink to="/on-call" size="sm">
          View on call
        </RouteLink>
      }
    >
      <Loaded query={teams}>
        {list =>
          list.length === 0 ? (
            <Empty title="No teams yet">Add a team under People, then set up its rotation.</Empty>
          ) : (
            list.map(team => (
              <Group key={team.team.id} className="list-row" justify="space-between">
                <Text fw={550}>{team.team.name}</Text>
                <Text className="quiet">{team.current[0]?.people.map(person => person.name).join(', ') || 'Nobody (pages all members)'}</Text>
              </Group>
            ))
          )
        }
      </Loaded>
    </Section>
  )
}

/** The first page of an empty installation: what to do, or a demo to look around in. */
function Welcome() {
  const isAdministrator = useMay('administrator')
  const mayLead = useMay('lead')
  const demo = useCommand('loadDemo', { done: 'Demo loaded. The first alert arrives within seconds.' })
  return (
    <Page title="Welcome to Tocsin" lead="Detect, page, run incidents, notify customers on time, and keep a tamper-evident audit log.">
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Paper p="lg">
          <Stack>
            <Text fw={620}>Explore the demo</Text>
            <Text className="quiet">
              A sample organization with teams, services and customers, and one attack: alerts arrive, a page goes out, and an incident is ready for you. Remove
              it any time.
            </Text>
            {isAdministrator ? (
              <Button leftSection={<IconFlask size={18} />} loading={demo.isPending} onClick={() => demo.mutate({})}>
                Load demo
              </Button>
            ) : (
              <Text>An administrator can load it here.</Text>
            )}
          </Stack>
        </Paper>
        <Paper p="lg">
          <Stack>
            <Text fw={620}>Set up your organization</Text>
            <Text className="quiet">People, teams, somebody on call, services and the first alert of your monitoring.</Text>
            {mayLead ? <RouteLink to="/setup-checklist">Setup checklist</RouteLink> : <Text>A lead or an administrator sets it up.</Text>}
          </Stack>
        </Paper>
      </SimpleGrid>
    </Page>
  )
}
