import { Group, Select, Stack, Text, TextInput } from '@mantine/core'
import type { TeamCalendar } from '@tocsin/api'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { PersonMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { FormProblem } from '../parts/page.tsx'
import { useMay, useMe } from '../session.ts'
import type { Picked } from './calendar.tsx'
import { positionLabel } from './words.ts'

const kinds = [
  { value: 'replace', label: 'replaces whoever is on call' },
  { value: 'add', label: 'joins whoever is on call' },
  { value: 'remove', label: 'is off call' },
  { value: 'shadow', label: 'shadows whoever is on call' },
]

/** Takes a shift, gives it away, or lets somebody shadow; of a responder only for themselves. */
export function OverrideModal({ calendar, picked, onClose }: { calendar: TeamCalendar; picked: Picked; onClose: () => void }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const remove = useCommand('removeOverride', { done: 'Override removed.', onDone: onClose })
  const { instead } = picked
  const [scheduleId, setScheduleId] = useState(picked.scheduleId)
  const { form, submit, isBusy } = useRouteForm(
    'addOverride',
    {
      position: String(picked.position),
      kind: (instead?.kind ?? 'replace') as string,
      participants: instead ? [...instead.participants] : me ? [me.person.id] : [],
      start: toLocalInput(new Date(picked.start)),
      end: toLocalInput(new Date(picked.end)),
      reason: instead?.reason ?? '',
    },
    {
      around: () => ({ params: { id: scheduleId } }),
      toBody: ({ kind, position, participants, start, end, reason }) => ({
        kind,
        position: Number(position),
        participants,
        start: fromLocalInput(start),
        end: fromLocalInput(end),
        reason,
      }),
      done: 'Override created. Affected people were notified.',
      onDone: () => (instead ? remove.mutate({ params: { id: instead.id } }) : onClose()),
    },
  )
  const schedule = calendar.schedules.find(one => one.schedule.id === scheduleId)
  return (
    <Dialog onClose={onClose} title={instead ? 'Edit override' : 'Override'} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Group grow align="flex-start">
            <Select
              label="Schedule"
              allowDeselect={false}
              data={calendar.schedules.map(one => ({ value: one.schedule.id, label: one.schedule.name }))}
              value={scheduleId}
              onChange={value => setScheduleId(value ?? scheduleId)}
            />
            <Select
              label="Position"
              allowDeselect={false}
              data={(schedule?.final ?? []).map(({ position }) => ({ value: String(position), label: positionLabel(position) }))}
              {...form.getInputProps('position')}
            />
          </Group>
          <PersonMultiSelect
            isOnCall
            label="People"
            disabled={!mayLead}
            description={mayLead ? undefined : 'You. Leads can choose others.'}
            {...form.getInputProps('participants')}
          />
          <Select label="Type" allowDeselect={false} data={kinds} {...form.getInputProps('kind')} />
          <Group grow align="flex-start">
            <TextInput label="From" type="datetime-local" {...form.getInputProps('start')} />
            <TextInput label="Until" type="datetime-local" {...form.getInputProps('end')} />
          </Group>
          <TextInput label="Reason" {...form.getInputProps('reason')} />
          <Text size="sm" className="quiet">
            Times are in your zone.
          </Text>
          <FormActions
            submit={instead ? 'Save' : 'Create override'}
            isBusy={isBusy || remove.isPending}
            removing={
              instead && {
                name: 'this override',
                consequence: 'The rotation decides again who is on call. The people affected are notified.',
                isBusy: remove.isPending,
                onRemove: () => remove.mutate({ params: { id: instead.id } }),
              }
            }
            onCancel={onClose}
          />
        </Stack>
      </form>
    </Dialog>
  )
}
