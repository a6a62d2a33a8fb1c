import { Button, Group, Table, Text } from '@mantine/core'
import type { JournalDeadLetter } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { Tone } from '../parts/badges.tsx'
import { Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { DiscardModal } from './discard-modal.tsx'

const colors = { running: 'teal', lagging: 'yellow', failing: 'red' } as const

/** How the parts that react to the journal are doing, and what they have set aside. For administrators. */
export function System() {
  const status = useApi('journalReaders')
  return (
    <Section title="System" isFlush>
      <Loaded query={status}>
        {({ readers, writers }) => (
          <>
            {writers.map(({ pid, openSeconds, query }) => (
              <Text key={pid} px="md" py="xs">
                A transaction has blocked the audit log for {openSeconds} s (pid {pid}: {query}).
              </Text>
            ))}
            <ScrollTable label="Audit log readers" minWidth={560}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Audit log reader</Table.Th>
                  <Table.Th>State</Table.Th>
                  <Table.Th>Behind</Table.Th>
                  <Table.Th>Dead letters</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {readers.map(({ name, state, lagEntries, lagSeconds, error, deadLetters }) => (
                  <Table.Tr key={name}>
                    <Table.Td fw={550}>{name}</Table.Td>
                    <Table.Td>
                      <Tone color={colors[state]}>{state}</Tone>
                      {error === null ? null : (
                        <Text size="sm" className="quiet">
                          {error}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td className="numeric">{lagEntries === 0 ? '—' : `${lagEntries} entries, ${Math.round(lagSeconds)} s`}</Table.Td>
                    <Table.Td className="numeric">{deadLetters}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ScrollTable>
          </>
        )}
      </Loaded>
      <DeadLetters />
    </Section>
  )
}

function DeadLetters() {
  const letters = usePages<JournalDeadLetter>('journalDeadLetters', { view: 'open' })
  const replay = useCommand('replayJournalDeadLetter', { done: 'Entry replayed.' })
  const [discarded, setDiscarded] = useState<JournalDeadLetter>()
  return (
    <>
      {letters.items?.map(deadLetter => (
        <Group key={deadLetter.id} className="list-row" justify="space-between" wrap="nowrap" align="flex-start">
          <div style={{ minWidth: 0 }}>
            <Text fw={550}>
              {deadLetter.reader}: {deadLetter.entry.type}
            </Text>
            <Text size="sm" className="quiet" component="div">
              {deadLetter.attempts} attempts, the latest <Time at={deadLetter.at} isRelative /> · {deadLetter.error}
            </Text>
          </div>
          <Group gap="xs" wrap="nowrap">
            <Button size="xs" variant="default" loading={replay.isPending} onClick={() => replay.mutate({ params: { id: deadLetter.id } })}>
              Replay
            </Button>
            <Button size="xs" variant="default" onClick={() => setDiscarded(deadLetter)}>
              Discard…
            </Button>
          </Group>
        </Group>
      ))}
      <LoadMore list={letters} />
      {discarded ? <DiscardModal deadLetter={discarded} onClose={() => setDiscarded(undefined)} /> : null}
    </>
  )
}
