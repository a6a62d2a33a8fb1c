import { Button, Stack, Table } from '@mantine/core'
import type { TeamCalendar } from '@tocsin/api'
import { Section } from '../parts/page.tsx'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { namesIn, namesOf, type Picked } from './calendar.tsx'
import { positionLabel } from './words.ts'

const types = { replace: 'On call instead', add: 'Joins', remove: 'Off call', shadow: 'Shadows' }

/** What the calendar shows, in words: the overrides, each with its dialog, and the shifts. Nothing here needs a pointer. */
export function CalendarTables({ calendar, onPick }: { calendar: TeamCalendar; onPick: ((picked: Picked) => void) | undefined }) {
  const overrides = calendar.schedules.flatMap(({ schedule, overrides }) => overrides.map(override => ({ schedule, override })))
  return (
    <Stack>
      {overrides.length > 0 ? (
        <Section title="Overrides" isFlush>
          <ScrollTable label="Overrides" minWidth={560}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">Person</Table.Th>
                <Table.Th scope="col">Type</Table.Th>
                <Table.Th scope="col">Schedule</Table.Th>
                <Table.Th scope="col">From</Table.Th>
                <Table.Th scope="col">Until</Table.Th>
                <Table.Th scope="col">Reason</Table.Th>
                {onPick ? <Table.Th scope="col">Action</Table.Th> : null}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {overrides.map(({ schedule, override }) => {
                const names = namesOf(calendar, override)
                return (
                  <Table.Tr key={override.id}>
                    <Table.Th scope="row">{names}</Table.Th>
                    <Table.Td>{types[override.kind]}</Table.Td>
                    <Table.Td>
                      {schedule.name}, {positionLabel(override.position ?? 0)}
                    </Table.Td>
                    <Table.Td>
                      <Time at={override.start} />
                    </Table.Td>
                    <Table.Td>
                      <Time at={override.end} />
                    </Table.Td>
                    <Table.Td>{override.reason}</Table.Td>
                    {onPick ? (
                      <Table.Td>
                        <Button
                          size="xs"
                          variant="default"
                          aria-label={`Edit override: ${names}`}
                          onClick={() =>
                            onPick({ scheduleId: schedule.id, position: override.position ?? 0, start: override.start, end: override.end, instead: override })
                          }
                        >
                          Edit
                        </Button>
                      </Table.Td>
                    ) : null}
                  </Table.Tr>
                )
              })}
            </Table.Tbody>
          </ScrollTable>
        </Section>
      ) : null}
      <details>
        <summary>Shifts as a list</summary>
        <ScrollTable label="Shifts" minWidth={480}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">Person</Table.Th>
              <Table.Th scope="col">Schedule</Table.Th>
              <Table.Th scope="col">From</Table.Th>
              <Table.Th scope="col">Until</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {calendar.schedules.flatMap(({ schedule, final }) =>
              final.flatMap(({ position, shifts }) =>
                shifts.map(shift => (
                  <Table.Tr key={`${schedule.id} ${position} ${shift.start}`}>
                    <Table.Th scope="row">
                      {namesIn(shift)}
                      {shift.shadows.length > 0 ? `; ${shift.shadows.map(person => person.name).join(', ')} shadowing` : ''}
                    </Table.Th>
                    <Table.Td>
                      {schedule.name}, {positionLabel(position)}
                    </Table.Td>
                    <Table.Td>
                      <Time at={shift.start} />
                    </Table.Td>
                    <Table.Td>
                      <Time at={shift.end} />
                    </Table.Td>
                  </Table.Tr>
                )),
              ),
            )}
          </Table.Tbody>
        </ScrollTable>
      </details>
    </Stack>
  )
}
