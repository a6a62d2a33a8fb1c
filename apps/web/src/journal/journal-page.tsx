import { Button, Code, Group, Paper, Stack, Table, Text } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import type { JournalEntry } from '@tocsin/api'
import { useState } from 'react'
import { download, tellProblem, useApi } from '../api.ts'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

/** The one record, and what proves it. */
export function JournalPage() {
  const entries = usePages<JournalEntry>('journal', {})
  const checkpoint = useApi('checkpoint')
  const isAdministrator = useMay('administrator')
  const [isBusy, setIsBusy] = useState(false)
  const save = () => {
    setIsBusy(true)
    download('exportJournal', {}, 'tocsin-journal.json')
      .catch(tellProblem)
      .finally(() => setIsBusy(false))
  }
  return (
    <Page
      title="Audit log"
      lead="Every change that matters. Entries are hashed into a signed Merkle tree, so any tampering is detectable."
      actions={
        isAdministrator ? (
          <Button variant="default" leftSection={<IconDownload size={16} />} loading={isBusy} onClick={save}>
            Export audit log
          </Button>
        ) : null
      }
    >
      <Section title="Proof">
        <Loaded query={checkpoint} rows={2}>
          {({ checkpoint: note, key, size }) => (
            <Stack gap="xs">
              <Text size="sm">
                {size.toLocaleString('en')} entries are sealed by the latest signed checkpoint. Verify an export with{' '}
                <Code>npx tocsin journal verify FILE --trusted-key KEY</Code>; keep the key elsewhere.
              </Text>
              <Text className="mono">{key}</Text>
              {note ? (
                <Code block tabIndex={0} role="region" aria-label="Checkpoint">
                  {note.trim()}
                </Code>
              ) : null}
            </Stack>
          )}
        </Loaded>
      </Section>
      <Paper>
        <Loaded query={entries}>
          {() =>
            entries.items?.length === 0 ? (
              <Empty title="No entries yet" />
            ) : (
              <Table.ScrollContainer minWidth={620}>
                <Table verticalSpacing={6}>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th w={70}>Leaf</Table.Th>
                      <Table.Th>Time</Table.Th>
                      <Table.Th>Actor</Table.Th>
                      <Table.Th>Event</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {entries.items?.map(entry => (
                      <EntryRow key={entry.id} entry={entry} />
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )
          }
        </Loaded>
      </Paper>
      {entries.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={entries.isFetchingNextPage} onClick={() => void entries.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      ) : null}
    </Page>
  )
}

function EntryRow({ entry }: { entry: JournalEntry }) {
  return (
    <Table.Tr>
      <Table.Td className="numeric quiet">{entry.index ?? '…'}</Table.Td>
      <Table.Td>
        <Time at={entry.at} />
      </Table.Td>
      <Table.Td>{entry.actor.name}</Table.Td>
      <Table.Td>
        <details>
          <summary style={{ cursor: 'pointer' }}>
            <span className="mono">{entry.type}</span> {entry.sentence}
          </summary>
          <Text className="mono prewrap" component="pre" mt={6}>
            {JSON.stringify({ subject: entry.subject, data: entry.data }, null, 2)}
          </Text>
        </details>
      </Table.Td>
    </Table.Tr>
  )
}
