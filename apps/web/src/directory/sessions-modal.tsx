import { Button, Group, Modal, Stack, Table, Text } from '@mantine/core'
import type { Person } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { Empty, Loaded } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'

/** Where somebody is signed in; an administrator ends that. */
export function SessionsModal({ person, onClose }: { person: Person; onClose: () => void }) {
  const params = { id: person.id }
  const sessions = useApi('sessionsOfPerson', { params })
  const end = useCommand('endSessionOfPerson', { done: 'Session ended.' })
  const endAll = useCommand('endSessionsOfPerson', { done: 'Sessions ended.' })
  return (
    <Modal opened onClose={onClose} title={`Sessions of ${person.name}`}>
      <Loaded query={sessions} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="Not signed in">There are no open sessions.</Empty>
          ) : (
            <Stack>
              <Table highlightOnHover={false} layout="fixed">
                <Table.Tbody>
                  {list.map(session => (
                    <Table.Tr key={session.id}>
                      <Table.Td>
                        <Text size="sm" lineClamp={1}>
                          {session.device || 'Unknown device'}
                        </Text>
                        <Text size="sm" className="quiet">
                          <Time at={session.lastSeenAt} isRelative />
                        </Text>
                      </Table.Td>
                      <Table.Td w={110} ta="right">
                        {session.isThisOne ? (
                          'this session'
                        ) : (
                          <Button size="xs" variant="default" onClick={() => end.mutate({ params: { ...params, sessionId: session.id } })}>
                            Sign out
                          </Button>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
              {list.some(session => !session.isThisOne) ? (
                <Group justify="flex-end">
                  <Button variant="default" loading={endAll.isPending} onClick={() => endAll.mutate({ params })}>
                    Sign out everywhere
                  </Button>
                </Group>
              ) : null}
            </Stack>
          )
        }
      </Loaded>
    </Modal>
  )
}
