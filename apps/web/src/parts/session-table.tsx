import { Button, Table, Text } from '@mantine/core'
import type { Session } from '@tocsin/api'
import { confirmed } from './confirm.tsx'
import { Time } from './time.tsx'

/** Where somebody is signed in; every session but the one that looks can be ended. */
export function SessionTable({ sessions, onEnd }: { sessions: readonly Session[]; onEnd: (id: string) => void }) {
  return (
    <Table highlightOnHover={false} layout="fixed">
      <Table.Tbody>
        {sessions.map(session => (
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
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Sign out ${session.device || 'unknown device'}`}
                  onClick={() =>
                    confirmed(
                      {
                        title: 'End this session?',
                        consequence: `${session.device || 'The device'} must sign in again. What is typed there and not saved may be lost.`,
                        action: 'Sign out',
                        isDanger: true,
                      },
                      () => onEnd(session.id),
                    )
                  }
                >
                  Sign out
                </Button>
              )}
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  )
}
