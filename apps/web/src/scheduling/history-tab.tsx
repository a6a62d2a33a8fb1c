import { Group, Stack, Table, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Drill, TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { midnight } from './calendar.tsx'
import { positionLabel } from './words.ts'

/** What can be proved about a team: who was on call, and how its drills went. */
export function History({ team }: { team: TeamOnCall }) {
  return (
    <Stack>
      <PastCoverage team={team} />
      <Drills team={team} />
    </Stack>
  )
}

/** A time as people say it: 45 s, 3 min, 1 h 20 min. */
function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

const drillStates: Record<Drill['state'], string> = {
  triggered: 'unacknowledged',
  exhausted: 'not acknowledged',
  acknowledged: 'answered',
  resolved: 'ended',
}

function Drills({ team }: { team: TeamOnCall }) {
  const drills = usePages<Drill>('drills', {}, { params: { id: team.team.id } })
  return (
    <Section title="Drills" isFlush>
      <Loaded query={drills}>
        {() => {
          const list = drills.items ?? []
          const times = list.flatMap(one => one.afterSeconds ?? []).toSorted((a, b) => a - b)
          const most = Math.max(1, ...times)
          const median = times[Math.floor((times.length - 1) / 2)]
          return list.length === 0 ? (
            <Empty title="No drills yet">A drill pages the team for real and is marked as a drill. The time to acknowledge appears here.</Empty>
          ) : (
            <>
              <ScrollTable label="Drills" minWidth={720}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Started</Table.Th>
                    <Table.Th>Acknowledged by</Table.Th>
                    <Table.Th w="35%">Time to acknowledge</Table.Th>
                    <Table.Th>Paged</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {list.map(drill => (
                    <Table.Tr key={drill.id}>
                      <Table.Td>
                        <Link to="/pages/$id" params={{ id: drill.id }} className="row-link">
                          <Time at={drill.startedAt} />
                        </Link>
                      </Table.Td>
                      <Table.Td fw={550}>
                        {drill.acknowledgedBy ?? (
                          <Text span size="sm" className="quiet">
                            {drillStates[drill.state]}
                          </Text>
                        )}
                      </Table.Td>
                      <Table.Td>
                        {drill.afterSeconds === null ? null : (
                          <Group gap={8} wrap="nowrap">
                            <span className="share-bar" style={{ width: `${(drill.afterSeconds / most) * 65}%` }} aria-hidden />
                            <span className="numeric">{spanOf(drill.afterSeconds)}</span>
                          </Group>
                        )}
                      </Table.Td>
                      <Table.Td>{drill.paged.join(', ')}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </ScrollTable>
              {median === undefined ? null : (
                <Text size="sm" className="quiet" p="md">
                  {`Median time to acknowledge over ${times.length} drills: ${spanOf(median)}.`}
                </Text>
              )}
            </>
          )
        }}
      </Loaded>
      <LoadMore list={drills} />
    </Section>
  )
}

/** Who was on call, as it was written down when it happened. */
function PastCoverage({ team }: { team: TeamOnCall }) {
  const [from] = useState(() => new Date(midnight(-60)).toISOString())
  const [until] = useState(() => new Date(midnight(1)).toISOString())
  const past = useApi('pastCoverage', { params: { id: team.team.id }, query: { from, until } })
  return (
    <Section title="On-call history (last 60 days)" isFlush>
      <Loaded query={past}>
        {list =>
          list.length === 0 ? (
            <Empty title="No history yet">Every on-call change is recorded as it happens, with its audit log entry.</Empty>
          ) : (
            <ScrollTable label="On-call history" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>From</Table.Th>
                  <Table.Th>Until</Table.Th>
                  <Table.Th>Schedule</Table.Th>
                  <Table.Th>Position</Table.Th>
                  <Table.Th>On call</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.toReversed().map(one => (
                  <Table.Tr key={one.entryId}>
                    <Table.Td>
                      <Time at={one.start} />
                    </Table.Td>
                    <Table.Td>{one.end ? <Time at={one.end} /> : 'now'}</Table.Td>
                    <Table.Td>{one.schedule.name}</Table.Td>
                    <Table.Td>{positionLabel(one.position)}</Table.Td>
                    <Table.Td fw={550}>
                      {one.people.map(person => person.name).join(', ') || 'nobody'}
                      {one.shadows.length > 0 ? (
                        <Text span className="quiet">{` + ${one.shadows.map(person => person.name).join(', ')} shadowing`}</Text>
                      ) : null}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ScrollTable>
          )
        }
      </Loaded>
    </Section>
  )
}
