import { Anchor, Badge, Button, Group, Paper, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import { IconAlertTriangle, IconCalendarPlus, IconPlaneDeparture } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, isAbsent, Loaded, Page, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { FeedModal } from './feed-modal.tsx'
import { SetUpModal } from './set-up-modal.tsx'
import { TimeOffModal } from './time-off-modal.tsx'
import { coverageWords } from './words.ts'

/** Who is on call now, for everybody; and for the one who looks, what they hold next. */
export function OnCallPage() {
  const teams = useApi('onCall')
  const [opened, setOpened] = useState<'feed' | 'time-off'>()
  const mayRespond = useMay('responder')
  return (
    <Page
      title="On call"
      lead="On call now, and coverage problems in the next 90 days."
      actions={
        <>
          {mayRespond ? (
            <Button variant="default" leftSection={<IconPlaneDeparture size={16} />} onClick={() => setOpened('time-off')}>
              Time off
            </Button>
          ) : null}
          <Button variant="default" leftSection={<IconCalendarPlus size={16} />} onClick={() => setOpened('feed')}>
            Calendar feed
          </Button>
        </>
      }
    >
      <Loaded query={teams}>
        {list =>
          list.length === 0 ? (
            <Paper>
              <Empty
                title="No teams yet"
                action={
                  <Button component={Link} to="/people">
                    Create team
                  </Button>
                }
              >
                Each service has a security response team that leads, and an engineering team that carries out the plan.
              </Empty>
            </Paper>
          ) : (
            <Stack>
              <SimpleGrid cols={{ base: 1, md: 2 }}>
                {list.map(team => (
                  <TeamCard key={team.team.id} team={team} />
                ))}
              </SimpleGrid>
              <Services teams={list} />
              <MyShifts />
              <Away />
            </Stack>
          )
        }
      </Loaded>
      {opened === 'feed' ? <FeedModal schedules={teams.data?.flatMap(team => team.schedules) ?? []} onClose={() => setOpened(undefined)} /> : null}
      {opened === 'time-off' ? <TimeOffModal onClose={() => setOpened(undefined)} /> : null}
    </Page>
  )
}

function TeamCard({ team }: { team: TeamOnCall }) {
  const [isSettingUp, setIsSettingUp] = useState(false)
  const mayLead = useMay('lead')
  return (
    <Paper component="section" aria-label={team.team.name}>
      <Group justify="space-between" px="md" py={10} style={{ borderBottom: '1px solid var(--line)' }} wrap="nowrap">
        <Title order={2} size="h3" style={{ minWidth: 0 }}>
          <Link to="/on-call/$id" params={{ id: team.team.id }} className="row-link">
            {team.team.name}
          </Link>
        </Title>
        <Concerns team={team} />
      </Group>
      {team.settings ? (
        team.current.length === 0 ? (
          <Text className="quiet" p="md">
            No tiers: pages go to everyone in the team.
          </Text>
        ) : (
          team.current.map(({ tier, people, shadows, until }) => (
            <Group key={tier} className="list-row" justify="space-between" wrap="nowrap">
              <div style={{ minWidth: 0 }}>
                <Text size="xs" className="quiet" tt="capitalize">
                  {tier}
                </Text>
                <Text fw={600}>{people.map(person => person.name).join(', ') || 'Nobody'}</Text>
                {shadows.length > 0 ? (
                  <Text size="sm" className="quiet">
                    {shadows.map(person => person.name).join(', ')} shadowing
                  </Text>
                ) : null}
              </div>
              <Text size="sm" className="quiet" component="div" ta="right">
                {until ? (
                  <>
                    until <Time at={until} />
                  </>
                ) : (
                  'no change in two weeks'
                )}
              </Text>
            </Group>
          ))
        )
      ) : (
        <Stack p="md" align="flex-start" gap="sm">
          <Text className="quiet">Nobody is on call yet. Pages go to all members.</Text>
          {mayLead ? (
            <Button size="xs" onClick={() => setIsSettingUp(true)}>
              Set up on call
            </Button>
          ) : null}
        </Stack>
      )}
      {isSettingUp ? <SetUpModal team={team} onClose={() => setIsSettingUp(false)} /> : null}
    </Paper>
  )
}

export function Concerns({ team }: { team: TeamOnCall }) {
  const problems = coverageWords(team)
  if (team.settings === null && problems === '') return null
  return problems === '' ? (
    <Text size="sm" className="quiet" style={{ flexShrink: 0 }}>
      90 days covered
    </Text>
  ) : (
    <Badge variant="light" color="orange" leftSection={<IconAlertTriangle size={12} />} style={{ color: 'light-dark(#9a3412, #ffc69a)', flexShrink: 0 }}>
      {problems}
    </Badge>
  )
}

/** A service answers with two sides at once: whether both have somebody. */
function Services({ teams }: { teams: readonly TeamOnCall[] }) {
  const services = useApi('services')
  const mayRespond = useMay('responder')
  if (isAbsent(services, list => list.length === 0)) return null
  const onCall = (id: string) => {
    const team = teams.find(one => one.team.id === id)
    const people = team?.current[0]?.people.map(person => person.name) ?? []
    return people.length > 0 ? people.join(', ') : `Nobody (pages ${team?.team.name ?? 'the team'})`
  }
  return (
    <Section title="Services" isFlush>
      <Loaded query={services}>
        {list => (
          <ScrollTable label="Services and on call" minWidth={520}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Service</Table.Th>
                <Table.Th>Security response team</Table.Th>
                <Table.Th>Engineering team</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {list.map(service => (
                <Table.Tr key={service.id}>
                  <Table.Th scope="row" fw={400}>
                    <Text fw={550}>{service.name}</Text>
                    {mayRespond ? (
                      <RouteLink to="/on-call/simulate" search={{ service: service.id }} size="sm" aria-label={`Simulate a page of ${service.name}`}>
                        Simulate a page
                      </RouteLink>
                    ) : null}
                  </Table.Th>
                  <Table.Td>{onCall(service.securityTeam.id)}</Table.Td>
                  <Table.Td>{service.engineeringTeam ? onCall(service.engineeringTeam.id) : <span className="quiet">Unassigned</span>}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </ScrollTable>
        )}
      </Loaded>
    </Section>
  )
}

const maxShown = 6

function MyShifts() {
  const shifts = useApi('myShifts')
  const [isWhole, setIsWhole] = useState(false)
  return (
    <Section title="My shifts" isFlush>
      <Loaded query={shifts}>
        {list =>
          list.length === 0 ? (
            <Empty title="No shifts">You are not in a rotation in the next 90 days.</Empty>
          ) : (
            <>
              {(isWhole ? list : list.slice(0, maxShown)).map(shift => (
                <Group key={`${shift.schedule.id} ${shift.tier} ${shift.start}`} className="list-row" justify="space-between">
                  <Group gap={8}>
                    <Link to="/on-call/$id" params={{ id: shift.team.id }} className="row-link">
                      {shift.team.name}
                    </Link>
                    <Text className="quiet">{shift.isShadow ? `shadowing ${shift.tier}` : shift.tier}</Text>
                  </Group>
                  <Text size="sm" component="div">
                    <Time at={shift.start} /> – <Time at={shift.end} />
                  </Text>
                </Group>
              ))}
              {list.length > maxShown ? (
                <Group className="list-row">
                  <Anchor component="button" size="sm" onClick={() => setIsWhole(!isWhole)}>
                    {isWhole ? 'Fewer' : `Show all ${list.length} in the next 90 days`}
                  </Anchor>
                </Group>
              ) : null}
            </>
          )
        }
      </Loaded>
    </Section>
  )
}

function Away() {
  const off = useApi('timeOff')
  if (isAbsent(off, list => list.length === 0)) return null
  return (
    <Section title="Time off" isFlush>
      <Loaded query={off}>
        {list =>
          list.map(one => (
            <Group key={one.id} className="list-row" justify="space-between">
              <div>
                <Text fw={550}>{one.person.name}</Text>
                {one.uncovered.length > 0 ? (
                  <Text size="sm" style={{ color: 'light-dark(#9a3412, #ffc69a)' }}>
                    {one.uncovered.length === 1 ? '1 shift' : `${one.uncovered.length} shifts`} not covered:{' '}
                    {[...new Map(one.uncovered.map(open => [open.team.id, open.team])).values()].map(team => (
                      <RouteLink key={team.id} to="/on-call/$id" params={{ id: team.id }} inherit>
                        {team.name}
                      </RouteLink>
                    ))}
                  </Text>
                ) : (
                  <Text size="sm" className="quiet">
                    all shifts covered
                  </Text>
                )}
              </div>
              <Text size="sm" component="div">
                <Time at={one.start} /> – <Time at={one.end} />
              </Text>
            </Group>
          ))
        }
      </Loaded>
    </Section>
  )
}
