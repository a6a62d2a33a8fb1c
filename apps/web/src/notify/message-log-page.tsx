import { Accordion, Group, Text } from '@mantine/core'
import { channelName, type Message } from '@tocsin/api'
import { StateBadge } from '../parts/badges.tsx'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'

const stateWords: Record<string, string> = {
  held: 'held: email is not configured',
  queued: 'sending',
  failed: 'failed',
  cancelled: 'canceled',
  sent: 'sent',
  delayed: 'sent, delayed on its way',
  delivered: 'delivered',
  bounced: 'returned to the sender',
}

/** Every message that left, waits, or could not leave. */
export function MessageLogPage() {
  const messageLog = usePages<Message>('messageLog', {})
  return (
    <Page title="Message log" lead="Pages, notices and invitations. Private links are visible only to their recipient.">
      <Loaded query={messageLog}>
        {() =>
          messageLog.items?.length === 0 ? (
            <Empty title="No messages yet">Pages, notices and invitations appear here.</Empty>
          ) : (
            <Accordion variant="contained" chevronPosition="left">
              {messageLog.items?.map(message => (
                <Accordion.Item key={message.id} value={message.id}>
                  <Accordion.Control>
                    <Group justify="space-between" wrap="nowrap" align="flex-start">
                      <div style={{ minWidth: 0 }}>
                        <Text fw={550} lineClamp={1}>
                          {message.subject}
                        </Text>
                        <Text size="sm" className="quiet" component="div">
                          {message.purpose} to {message.to} · <Time at={message.createdAt} isRelative />
                        </Text>
                      </div>
                      <StateBadge state={message.state} />
                    </Group>
                  </Accordion.Control>
                  <Accordion.Panel>
                    <Text size="sm" className="quiet" mb={8}>
                      Channel {channelName(message.channel)}; {stateWords[message.state]}
                      {message.attempts > 1 ? `, ${message.attempts} attempts` : ''}
                      {message.lastError ? `: ${message.lastError}` : message.report ? `: ${message.report}` : '.'}
                    </Text>
                    <Text size="sm" className="prewrap">
                      {message.text}
                    </Text>
                  </Accordion.Panel>
                </Accordion.Item>
              ))}
            </Accordion>
          )
        }
      </Loaded>
      <LoadMore list={messageLog} />
    </Page>
  )
}
