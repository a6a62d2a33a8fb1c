import { Table, Text } from '@mantine/core'
import type { TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, Loaded, Section } from '../parts/page.tsx'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { midnight } from './calendar.tsx'

/** Who was on call, as it was written down when it happened. */
export function PastCoverage({ team }: { team: TeamOnCall }) {
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
                    <Table.Td>{one.turn === 0 ? 'on call' : one.turn === 1 ? 'next in turn' : `${one.turn + 1} in turn`}</Table.Td>
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
