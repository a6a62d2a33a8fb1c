import { Button, Group, Modal, Select, Stack, Text } from '@mantine/core'
import type { Schedule } from '@tocsin/api'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { Secret } from '../parts/secret.tsx'

/** Makes the secret address of a calendar. */
export function FeedModal({ schedules, onClose }: { schedules: readonly Schedule[]; onClose: () => void }) {
  const [scheduleId, setScheduleId] = useState('')
  const make = useCommand('makeFeed')
  return (
    <Modal opened onClose={onClose} title="Calendar feed">
      <Stack>
        <Text className="quiet">Subscribe from any calendar app (iCalendar) by secret URL. A new URL for the same calendar replaces the old one.</Text>
        <Select
          label="Calendar"
          data={[{ value: '', label: 'My shifts, in all teams' }, ...schedules.map(one => ({ value: one.id, label: one.name }))]}
          value={scheduleId}
          onChange={value => setScheduleId(value ?? '')}
          allowDeselect={false}
        />
        {make.data ? (
          <Secret label="Secret URL" value={make.data.url} />
        ) : (
          <Group justify="flex-end">
            <Button loading={make.isPending} onClick={() => make.mutate({ body: { scheduleId: scheduleId === '' ? null : scheduleId } })}>
              Create URL
            </Button>
          </Group>
        )}
      </Stack>
    </Modal>
  )
}
