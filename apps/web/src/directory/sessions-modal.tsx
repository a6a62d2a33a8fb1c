import { Button, Group, Stack } from '@mantine/core'
import type { Person } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Empty, Loaded } from '../parts/page.tsx'
import { SessionTable } from '../parts/session-table.tsx'

/** Where somebody is signed in; an administrator ends that. */
export function SessionsModal({ person, onClose }: { person: Person; onClose: () => void }) {
  const params = { id: person.id }
  const sessions = useApi('sessionsOfPerson', { params })
  const end = useCommand('endSessionOfPerson', { done: 'Session ended.' })
  const endAll = useCommand('endSessionsOfPerson', { done: 'Sessions ended.' })
  return (
    <Dialog onClose={onClose} title={`Sessions of ${person.name}`}>
      <Loaded query={sessions} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="Not signed in">There are no open sessions.</Empty>
          ) : (
            <Stack>
              <SessionTable sessions={list} onEnd={sessionId => end.mutate({ params: { ...params, sessionId } })} />
              {list.some(session => !session.isThisOne) ? (
                <Group justify="flex-end">
                  <Button
                    variant="default"
                    loading={endAll.isPending}
                    onClick={() =>
                      confirmed(
                        {
                          title: `Sign ${person.name} out everywhere?`,
                          consequence: `Ends all sessions of ${person.name} at once. What is typed there and not saved may be lost.`,
                          action: 'Sign out everywhere',
                          isDanger: true,
                        },
                        () => endAll.mutate({ params }),
                      )
                    }
                  >
                    Sign out everywhere
                  </Button>
                </Group>
              ) : null}
            </Stack>
          )
        }
      </Loaded>
    </Dialog>
  )
}
