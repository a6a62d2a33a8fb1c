import { Button, Code, Group, Paper, Stack, Table, Text, VisuallyHidden } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import type { JournalEntry } from '@tocsin/api'
import { useState } from 'react'
import { download, tellProblem, useApi } from '../api.ts'
import { Erased } from '../parts/erasure.tsx'
import { Empty, Loaded, LoadMore, Page, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import type { JournalSearch } from './journal-search.ts'
import { SearchForm } from './search-form.tsx'

/** The one record, and what proves it. */
export function JournalPage() {
  const search = useSearch({ from: '/inside/journal' })
  const navigate = useNavigate()
  const find = (wanted: JournalSearch) => void navigate({ to: '/journal', search: wanted })
  const entries = usePages<JournalEntry>('journal', search)
  const checkpoint = useApi('checkpoint')
  const isAdministrator = useMay('administrator')
  const [isBusy, setIsBusy] = useState(false)
  const isFiltered = Object.keys(search).length > 0
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
      <SearchForm search={search} types={[...new Set(entries.items?.map(({ type }) => type) ?? [])].toSorted()} onSearch={find} />
      <Text size="sm" className="quiet" role="status">
        {entries.items?.length === 0 ? (
          // The list says it, too.
          <VisuallyHidden>{countSentence(0, false, isFiltered)}</VisuallyHidden>
        ) : (
          countSentence(entries.items?.length, entries.hasNextPage, isFiltered)
        )}
      </Text>
      <Paper>
        <Loaded query={entries}>
          {() =>
            entries.items?.length === 0 ? (
              isFiltered ? (
                <Empty
                  title="No entries match"
                  action={
                    <Button variant="default" onClick={() => find({})}>
                      Clear filters
                    </Button>
                  }
                >
                  Entries of restricted incidents are found only by people who may see these.
                </Empty>
              ) : (
                <Empty title="No entries yet" />
              )
            ) : (
              <Table.ScrollContainer minWidth={330}>
                <Table verticalSpacing={6}>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th w={70} visibleFrom="sm">
                        Leaf
                      </Table.Th>
                      <Table.Th visibleFrom="sm">Time</Table.Th>
                      <Table.Th visibleFrom="sm">Actor</Table.Th>
                      <Table.Th>Event</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {entries.items?.map(entry => (
                      <EntryRow key={entry.id} entry={entry} onSearch={find} />
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )
          }
        </Loaded>
        <LoadMore list={entries} />
      </Paper>
      <Section title="Proof">
        <Loaded query={checkpoint} rows={2}>
          {({ checkpoint: note, key, size, successions }) => (
            <Stack gap="xs">
              <Text size="sm">
                {size.toLocaleString('en')} entries are sealed by the latest signed checkpoint. Verify an export with{' '}
                <Code>npx tocsin journal verify FILE --trusted-key KEY</Code>; keep the key elsewhere.
              </Text>
              <Text className="mono">{key}</Text>
              {successions.length === 0 ? null : (
                <Text size="sm">
                  The signing key was replaced {successions.length === 1 ? 'once' : `${successions.length} times`}.{' '}
                  <RouteLink to="/journal" search={{ type: 'journal.key-replaced' }}>
                    Show when
                  </RouteLink>
                  . An earlier key still verifies exports: the verifier follows the signed statements to this one.
                </Text>
              )}
              {note ? (
                <Code block tabIndex={0} role="region" aria-label="Checkpoint">
                  {note.trim()}
                </Code>
              ) : null}
            </Stack>
          )}
        </Loaded>
      </Section>
    </Page>
  )
}

/** How many there are, as far as that is known; nothing while they load. */
function countSentence(shown: number | undefined, hasMore: boolean, isFiltered: boolean): string {
  if (shown === undefined) return ''
  const count = shown === 0 ? 'No entries' : `${hasMore ? 'The newest ' : ''}${shown.toLocaleString('en')} ${shown === 1 ? 'entry' : 'entries'}`
  return isFiltered ? `${count} ${shown === 1 ? 'matches' : 'match'}${hasMore ? '; there are more' : ''}` : count
}

function EntryRow({ entry, onSearch }: { entry: JournalEntry; onSearch: (search: JournalSearch) => void }) {
  const { actor, subject, calledFrom } = entry
  const also: [string, JournalSearch][] = [
    [`All of ${entry.type}`, { type: entry.type }],
    ...(actor.id === null ? [] : [[`All by ${actor.name}`, { actor: actor.id }] satisfies [string, JournalSearch]]),
    [`All about this ${subject.kind}`, { subject: subject.id }],
    ...(calledFrom === null ? [] : [[`All from ${calledFrom.address}`, { address: calledFrom.address }] satisfies [string, JournalSearch]]),
  ]
  return (
    <Table.Tr>
      <Table.Td className="numeric quiet" visibleFrom="sm">
        {entry.index ?? '…'}
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Time at={entry.at} />
      </Table.Td>
      <Table.Td visibleFrom="sm">{actor.name}</Table.Td>
      <Table.Td>
        <Text size="sm" className="quiet" hiddenFrom="sm">
          <Time at={entry.at} /> · {actor.name}
        </Text>
        <details>
          <summary style={{ cursor: 'pointer' }}>
            <span className="mono">{entry.type}</span> {entry.sentence}
          </summary>
          {entry.erasure ? (
            <Text size="sm" className="quiet" component="div" mt={6}>
              {entry.erasure.fields === 1 ? '1 text' : `${entry.erasure.fields} texts`} of this entry: <Erased erasure={entry.erasure} />
            </Text>
          ) : null}
          <Text className="mono prewrap" component="pre" mt={6} style={{ overflowWrap: 'anywhere' }}>
            {JSON.stringify({ subject, data: entry.data, ...(calledFrom === null ? {} : { calledFrom }) }, null, 2)}
          </Text>
          <Group gap="xs" mt={6}>
            {also.map(([label, search]) => (
              <Button key={label} size="compact-xs" variant="default" onClick={() => onSearch(search)}>
                {label}
              </Button>
            ))}
          </Group>
        </details>
      </Table.Td>
    </Table.Tr>
  )
}
