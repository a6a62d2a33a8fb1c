import { Button, Group, Select, Stack, Text } from '@mantine/core'
import type { Schedule } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'

/** Makes the secret address of a calendar. */
export function FeedModal({ schedules, onClose }: { schedules: readonly Schedule[]; onClose: () => void }) {
  const [scheduleId, setScheduleId] = useState('')
  const make = useCommand('makeFeed')
  const revoke = useCommand('revokeFeed', { done: 'URL revoked.', onDone: () => make.reset() })
  const feeds = useApi('calendarFeeds')
  const current = feeds.data?.find(feed => (feed.scheduleId ?? '') === scheduleId)
  const create = () => {
    const act = () => make.mutate({ body: { scheduleId: scheduleId === '' ? null : scheduleId } })
    if (current === undefined) act()
    else
      confirmed(
        { title: 'Replace the URL?', consequence: 'Calendar apps that use the old URL no longer get any shifts.', action: 'Replace URL', isDanger: true },
        act,
      )
  }
  return (
    <Dialog onClose={onClose} title="Calendar feed">
      <Stack>
        <Text className="quiet">Subscribe from any calendar app (iCalendar) by secret URL. A new URL for the same calendar replaces the old one.</Text>
        <Select
          label="Calendar"
          data={[{ value: '', label: 'My shifts, in all teams' }, ...schedules.map(one => ({ value: one.id, label: one.name }))]}
          value={scheduleId}
          onChange={value => {
            setScheduleId(value ?? '')
            make.reset()
          }}
          allowDeselect={false}
        />
        {current ? (
          <Group justify="space-between">
            <Text size="sm" className="quiet">
              URL created <Time at={current.createdAt} />
            </Text>
            <Button
              size="xs"
              variant="default"
              loading={revoke.isPending}
              onClick={() =>
                confirmed(
                  { title: 'Revoke this URL?', consequence: 'Calendar apps that use it no longer get any shifts.', action: 'Revoke', isDanger: true },
                  () => revoke.mutate({ params: { id: current.id } }),
                )
              }
            >
              Revoke
            </Button>
          </Group>
        ) : null}
        {make.data ? (
          <Secret label="Secret URL" value={make.data.url} />
        ) : (
          <Group justify="flex-end">
            <Button loading={make.isPending} onClick={create}>
              {current ? 'Replace URL' : 'Create URL'}
            </Button>
          </Group>
        )}
      </Stack>
    </Dialog>
  )
}
