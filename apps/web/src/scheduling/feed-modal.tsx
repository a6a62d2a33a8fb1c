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
        <Text className="quiet">
          A calendar program reads it at an address that only you know (iCalendar). A new address for the same calendar ends the one before.
        </Text>
        <Select
          label="What it shows"
          data={[{ value: '', label: 'My shifts, in all teams' }, ...schedules.map(one => ({ value: one.id, label: one.name }))]}
          value={scheduleId}
          onChange={value => setScheduleId(value ?? '')}
          allowDeselect={false}
        />
        {make.data ? (
          <Secret label="Secret address" value={make.data.url} />
        ) : (
          <Group justify="flex-end">
            <Button loading={make.isPending} onClick={() => make.mutate({ body: { scheduleId: scheduleId === '' ? null : scheduleId } })}>
              Make the address
            </Button>
          </Group>
        )}
      </Stack>
    </Modal>
  )
}
