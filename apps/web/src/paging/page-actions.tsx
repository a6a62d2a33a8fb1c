import { Button, Group, Menu, Stack, TextInput } from '@mantine/core'
import { IconChevronDown } from '@tabler/icons-react'
import { isUnacknowledged, type Page } from '@tocsin/api'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { PersonMultiSelect, PersonSelect } from '../parts/choices.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { useMay, useMe } from '../session.ts'

export function AcknowledgeButton({ page, size = 'xs' }: { page: Page; size?: string }) {
  const acknowledge = useCommand('acknowledgePage', { done: 'Acknowledged. Escalation stopped.' })
  const mayAnswer = useMay('responder')
  if (!mayAnswer || !isUnacknowledged(page)) return null
  return (
    <Button
      size={size}
      aria-label={`Acknowledge page: ${page.title}`}
      loading={acknowledge.isPending}
      onClick={() => acknowledge.mutate({ params: { id: page.id } })}
      style={{ flexShrink: 0 }}
    >
      Acknowledge
    </Button>
  )
}

/** Everything that can be done about a page. */
export function PageActions({ page }: { page: Page }) {
  const params = { id: page.id }
  const [asked, setAsked] = useState<'decline' | 'responders'>()
  const escalate = useCommand('escalatePage', { done: 'Escalated to the next level.' })
  const snooze = useCommand('snoozePage', { done: 'Page snoozed.' })
  const mayAnswer = useMay('responder')
  const me = useMe()
  if (!mayAnswer || page.state === 'resolved') return null
  const isTheirs = page.state === 'acknowledged' && page.acknowledgements[0]?.person.id === me?.person.id
  return (
    <Group gap="xs">
      <AcknowledgeButton page={page} size="sm" />
      <Button
        variant="default"
        loading={escalate.isPending}
        onClick={() =>
          confirmed(
            { title: 'Escalate now?', consequence: 'Pages the next escalation level at once, without waiting for an acknowledgement.', action: 'Escalate now' },
            () => escalate.mutate({ params, body: { level: page.level } }),
          )
        }
      >
        Escalate now
      </Button>
      <Button variant="default" onClick={() => setAsked('responders')}>
        Add responders
      </Button>
      {page.state === 'acknowledged' && !isTheirs ? null : (
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="default" rightSection={<IconChevronDown size={15} />}>
              More
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => setAsked('decline')}>Decline or reassign…</Menu.Item>
            {isTheirs && !page.isDrill
              ? [15, 30, 60, 240].map(minutes => (
                  <Menu.Item key={minutes} onClick={() => snooze.mutate({ params, body: { minutes } })}>
                    Snooze for {minutes < 60 ? `${minutes} minutes` : minutes === 60 ? 'an hour' : `${minutes / 60} hours`}
                  </Menu.Item>
                ))
              : null}
          </Menu.Dropdown>
        </Menu>
      )}
      {asked === 'decline' ? <DeclineModal page={page} onClose={() => setAsked(undefined)} /> : null}
      {asked === 'responders' ? <RespondersModal page={page} onClose={() => setAsked(undefined)} /> : null}
    </Group>
  )
}

function DeclineModal({ page, onClose }: { page: Page; onClose: () => void }) {
  const [toId, setToId] = useState<string | null>(null)
  const [reason, setReason] = useState('')
  const decline = useCommand('declinePage', { done: toId ? 'Page reassigned.' : 'Escalated to the next level.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title="Decline page">
      <form
        onSubmit={event => {
          event.preventDefault()
          decline.mutate({ params: { id: page.id }, body: { toId, reason } })
        }}
      >
        <Stack>
          <PersonSelect isOnCall label="Reassign to" placeholder="Next escalation level" clearable value={toId} onChange={setToId} />
          <TextInput label="Reason" value={reason} onChange={event => setReason(event.currentTarget.value)} />
          <FormActions submit="Decline" isBusy={decline.isPending} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function RespondersModal({ page, onClose }: { page: Page; onClose: () => void }) {
  const [personIds, setPersonIds] = useState<string[]>([])
  const add = useCommand('addResponders', { done: 'Responders added.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title="Add responders">
      <form
        onSubmit={event => {
          event.preventDefault()
          add.mutate({ params: { id: page.id }, body: { personIds } })
        }}
      >
        <Stack>
          <PersonMultiSelect isOnCall label="Responders to page" value={personIds} onChange={setPersonIds} />
          <FormActions submit="Page responders" isBusy={add.isPending} isBlocked={personIds.length === 0} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
