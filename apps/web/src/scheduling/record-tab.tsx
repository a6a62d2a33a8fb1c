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

/** What can be proved about a team: who was on call, and how its drills went. */
export function Past({ team }: { team: TeamOnCall }) {
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
  triggered: 'waits for an answer',
  exhausted: 'nobody answered',
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
            <Empty title="No drill yet">
              A drill pages the team for real and says at once that it is one. How long each took until somebody answered stands here.
            </Empty>
          ) : (
            <>
              <ScrollTable label="Drills" minWidth={720}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Started</Table.Th>
                    <Table.Th>Answered by</Table.Th>
                    <Table.Th w="35%">Until somebody answered</Table.Th>
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
                  {`Half of the ${times.length} answered drills took ${spanOf(median)} or less.`}
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
    <Section title="Who was on call in the last 60 days" isFlush>
      <Loaded query={past}>
        {list =>
          list.length === 0 ? (
            <Empty title="Nothing is written down yet">
              Each change of who is on call stands here from the moment it happens, with its entry of the journal.
            </Empty>
          ) : (
            <ScrollTable label="Who was on call" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>From</Table.Th>
                  <Table.Th>Until</Table.Th>
                  <Table.Th>Schedule</Table.Th>
                  <Table.Th>Turn</Table.Th>
                  <Table.Th>Who</Table.Th>
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
                    <Table.Td>{one.position === 0 ? 'on call' : one.position === 1 ? 'next in turn' : `${one.position + 1} in turn`}</Table.Td>
                    <Table.Td fw={550}>
                      {one.people.map(person => person.name).join(', ') || 'nobody'}
                      {one.shadows.length > 0 ? <Text span className="quiet">{` + ${one.shadows.map(person => person.name).join(', ')} watching`}</Text> : null}
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
