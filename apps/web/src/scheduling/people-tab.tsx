import { Button, Group, Stack, Table, Text, Textarea } from '@mantine/core'
import type { HandoffNote, TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { act, useApi, useCommand } from '../api.ts'
import { Empty, isAbsent, Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { offerUndo } from '../parts/undo.tsx'
import { useMay } from '../session.ts'
import { midnight } from './calendar.tsx'

/** What each person carries, the notes at handoffs, and who learns. */
export function People({ team }: { team: TeamOnCall }) {
  const [from] = useState(() => new Date(midnight(-90)).toISOString())
  const [until] = useState(() => new Date(midnight(0)).toISOString())
  const params = { id: team.team.id }
  const shares = useApi('fairness', { params, query: { from, until } })
  const learning = useApi('apprenticeships', { params })
  const mayLead = useMay('lead')
  const finish = useCommand('saveApprenticeship', {
    onDone: (_reply, input) =>
      offerUndo({
        message: 'Training completed.',
        undo: () => act('saveApprenticeship', { ...input, body: { isFinished: false } }),
        undone: 'Training is open again.',
      }),
  })
  const most = Math.max(1, ...(shares.data ?? []).map(share => share.hours))
  return (
    <Stack>
      <Section title="On-call load (last 90 days)" isFlush>
        <Loaded query={shares}>
          {list =>
            list.length === 0 ? (
              <Empty title="No data yet">Hours, nights and pages per person appear after the first shifts.</Empty>
            ) : (
              <ScrollTable label="Load by person" minWidth={640}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Person</Table.Th>
                    <Table.Th w="35%">Hours</Table.Th>
                    <Table.Th ta="right">Nights (h)</Table.Th>
                    <Table.Th ta="right">Weekends (h)</Table.Th>
                    {team.settings && team.settings.holidays.length > 0 ? <Table.Th ta="right">Holidays (h)</Table.Th> : null}
                    <Table.Th ta="right">Pages</Table.Th>
                    <Table.Th ta="right">Night pages</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {list.map(share => (
                    <Table.Tr key={share.person.id}>
                      <Table.Th scope="row" fw={550}>
                        {share.person.name}
                      </Table.Th>
                      <Table.Td>
                        <Group gap={8} wrap="nowrap">
                          <span className="share-bar" style={{ width: `${(share.hours / most) * 75}%` }} aria-hidden />
                          <span className="numeric">{Math.round(share.hours)}</span>
                        </Group>
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {Math.round(share.nightHours)}
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {Math.round(share.weekendHours)}
                      </Table.Td>
                      {team.settings && team.settings.holidays.length > 0 ? (
                        <Table.Td ta="right" className="numeric">
                          {Math.round(share.holidayHours)}
                        </Table.Td>
                      ) : null}
                      <Table.Td ta="right" className="numeric">
                        {share.pages}
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {share.nightPages}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </ScrollTable>
            )
          }
        </Loaded>
      </Section>
      <HandoffNotes teamId={team.team.id} />
      {isAbsent(learning, list => list.length === 0) ? null : (
        <Section title="Training" isFlush>
          <Loaded query={learning}>
            {list =>
              list.map(one => (
                <Group key={one.person.id} className="list-row" justify="space-between">
                  <div>
                    <Text fw={550}>{one.person.name}</Text>
                    <Text size="sm" className="quiet">
                      {one.finishedAt ? `completed, confirmed by ${one.finishedBy ?? 'somebody'}` : `shadowed ${one.watched} of ${one.needed} shifts`}
                    </Text>
                  </div>
                  {mayLead && !one.finishedAt ? (
                    <Button
                      size="xs"
                      variant="default"
                      disabled={one.watched < one.needed}
                      onClick={() => finish.mutate({ params: { ...params, personId: one.person.id }, body: { isFinished: true } })}
                    >
                      Complete training
                    </Button>
                  ) : null}
                </Group>
              ))
            }
          </Loaded>
        </Section>
      )}
    </Stack>
  )
}

function HandoffNotes({ teamId }: { teamId: string }) {
  const mayRespond = useMay('responder')
  const notes = usePages<HandoffNote>('handoffNotes', {}, { params: { id: teamId }, isEnabled: mayRespond })
  const [text, setText] = useState('')
  const write = useCommand('writeHandoffNote', { done: 'Handoff note saved.', onDone: () => setText('') })
  if (!mayRespond) return null
  return (
    <Section title="Handoff notes">
      <Stack>
        <Textarea
          label="Note for the next on call"
          description="Sent with the open incidents when their shift begins"
          autosize
          minRows={2}
          value={text}
          onChange={event => setText(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button size="xs" disabled={text.trim() === ''} loading={write.isPending} onClick={() => write.mutate({ params: { id: teamId }, body: { text } })}>
            Save note
          </Button>
        </Group>
        <Loaded query={notes} rows={1}>
          {() =>
            notes.items?.map(note => (
              <div key={note.id}>
                <Text className="prewrap">{note.text}</Text>
                <Text size="sm" className="quiet" component="div">
                  {note.writtenBy}, <Time at={note.writtenAt} isRelative />
                </Text>
              </div>
            ))
          }
        </Loaded>
        <LoadMore list={notes} />
      </Stack>
    </Section>
  )
}
