import { ActionIcon, Button, Checkbox, Group, MultiSelect, NumberInput, Select, Stack, TextInput } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import type { Schedule } from '@tocsin/api'
import { useCommand } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { usePersonChoices } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { dayFromNow } from '../parts/time.tsx'
import { timeZoneChoices } from '../parts/time-zones.ts'
import { dayChoices } from '../parts/weekdays.ts'
import { RotationInput } from './rotation-input.tsx'

type Layer = Schedule['layers'][number]

const everyWords = [
  { value: 'hourly', label: 'hours' },
  { value: 'daily', label: 'days' },
  { value: 'weekly', label: 'weeks' },
  { value: 'monthly', label: 'months' },
]

interface Draft {
  readonly key: string
  readonly layer: Layer
}

const freshLayer = (): Layer => ({ name: 'Rotation', rotation: { type: 'weekly', every: 1, start: `${dayFromNow(0)}T09:00` }, participants: [] })

/** A schedule: its layers, the lowest first; higher ones win where they are active. */
export function ScheduleModal({ teamId, schedule, onClose }: { teamId: string; schedule: Schedule | undefined; onClose: () => void }) {
  const remove = useCommand('removeSchedule', { done: 'Schedule removed.', onDone: onClose })
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveSchedule',
    schedule,
    one => ({
      name: one?.name ?? '',
      timeZone: one?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      merge: (one?.merge ?? 'top') as string,
      needsApprenticeship: one?.needsApprenticeship ?? false,
      layers: (one?.layers ?? [freshLayer()]).map((layer, place): Draft => ({ key: `layer ${place}`, layer })),
    }),
    {
      around: () => ({ params: { id: teamId } }),
      toBody: ({ layers, ...values }) => ({
        ...values,
        layers: layers.map(({ layer }) => layer),
        ...(schedule ? { id: schedule.id } : {}),
      }),
      done: 'Schedule saved. Affected people were notified.',
      onDone: onClose,
    },
  )
  const set = (place: number, change: Partial<Layer>) =>
    form.setFieldValue(
      'layers',
      form.values.layers.map((draft, i) => (i === place ? { ...draft, layer: { ...draft.layer, ...change } } : draft)),
    )
  const choices = usePersonChoices(
    form.values.layers.flatMap(({ layer }) => layer.participants.flat()),
    true,
  )
  return (
    <Dialog onClose={onClose} title={schedule ? schedule.name : 'New schedule'} size="xl">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Group grow align="flex-start">
            <TextInput label="Name" {...form.getInputProps('name')} />
            <Select label="Time zone" data={timeZoneChoices(form.values.timeZone)} searchable allowDeselect={false} {...form.getInputProps('timeZone')} />
          </Group>
          {form.values.layers.map(({ key, layer }, place) => (
            <Stack key={key} gap="xs" className="step-card">
              <Group align="flex-end" wrap="nowrap">
                <TextInput
                  label={`Layer ${place + 1}`}
                  value={layer.name}
                  onChange={event => set(place, { name: event.currentTarget.value })}
                  flex={1}
                  miw={0}
                />
                <RemoveButton label="Remove layer" isDisabled={form.values.layers.length === 1} onClick={() => form.removeListItem('layers', place)} />
              </Group>
              <RotationInput
                turns={layer.participants}
                people={choices}
                onChange={participants => set(place, { participants })}
                error={form.errors[`layers.${place}.participants`]}
              />
              <Group align="flex-end" gap="xs">
                <NumberInput
                  label="Shift length"
                  w={100}
                  min={1}
                  max={1_000}
                  value={layer.rotation.every ?? 1}
                  onChange={value => set(place, { rotation: { ...layer.rotation, every: Number(value) } })}
                />
                <Select
                  aria-label="Shift length unit"
                  w={110}
                  allowDeselect={false}
                  data={everyWords}
                  value={layer.rotation.type}
                  onChange={type => set(place, { rotation: { ...layer.rotation, type: (type ?? 'weekly') as Layer['rotation']['type'] } })}
                />
                <TextInput
                  label="First handoff"
                  type="datetime-local"
                  value={layer.rotation.start}
                  onChange={event => set(place, { rotation: { ...layer.rotation, start: event.currentTarget.value.slice(0, 16) } })}
                  error={form.errors[`layers.${place}.rotation.start`]}
                />
              </Group>
              <Hours layer={layer} onChange={restrictions => set(place, { restrictions })} />
              {place > 0 && form.values.merge === 'top' && (
                <Checkbox
                  label="On call together with the layer below, instead of replacing it"
                  checked={layer.beside === true}
                  onChange={event => set(place, { beside: event.currentTarget.checked || undefined })}
                />
              )}
            </Stack>
          ))}
          <Group>
            <Button
              variant="default"
              size="xs"
              onClick={() =>
                form.insertListItem('layers', { key: crypto.randomUUID(), layer: { ...freshLayer(), name: `Layer ${form.values.layers.length + 1}` } })
              }
            >
              Add layer
            </Button>
          </Group>
          <Select
            label="When several layers are active"
            allowDeselect={false}
            data={[
              { value: 'top', label: 'the top layer is on call' },
              { value: 'all', label: 'all are on call' },
            ]}
            {...form.getInputProps('merge')}
          />
          <Checkbox
            label="Only people who completed training are on call alone"
            description="Others shadow, and the shift shows as a coverage gap"
            {...form.getInputProps('needsApprenticeship', { type: 'checkbox' })}
          />
          <FormActions
            submit="Save"
            isBusy={isBusy}
            removing={
              schedule && {
                name: schedule.name,
                consequence: 'Its layers and overrides are deleted. Nobody is on call by it any more, and its calendar feeds end.',
                isBusy: remove.isPending,
                onRemove: () => remove.mutate({ params: { id: schedule.id } }),
              }
            }
            onCancel={onClose}
          />
        </Stack>
      </form>
    </Dialog>
  )
}

/** The hours of a layer; a layer without is always active. */
function Hours({ layer, onChange }: { layer: Layer; onChange: (restrictions: NonNullable<Layer['restrictions']>) => void }) {
  const hours = layer.restrictions ?? []
  const set = (place: number, change: object) => onChange(hours.map((one, i) => (i === place ? { ...one, ...change } : one)))
  return (
    <Stack gap={6}>
      {hours.map((one, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: hours have no identity but their place
        <Group key={place} gap="xs" align="flex-end">
          <TextInput label="From" type="time" size="xs" value={one.from} onChange={event => set(place, { from: event.currentTarget.value })} />
          <TextInput
            label="Until"
            type="time"
            size="xs"
            value={one.until === '24:00' ? '00:00' : one.until}
            onChange={event => set(place, { until: event.currentTarget.value })}
          />
          <MultiSelect
            label="On"
            size="xs"
            data={dayChoices}
            value={[...(one.days ?? [])]}
            placeholder={one.days ? '' : 'every day'}
            onChange={days => set(place, { days: days.length === 0 ? undefined : days })}
            flex={1}
            miw={160}
          />
          <ActionIcon variant="subtle" color="gray" aria-label="Remove hours" onClick={() => onChange(hours.filter((_, i) => i !== place))}>
            <IconTrash size={14} />
          </ActionIcon>
        </Group>
      ))}
      <div>
        <Button variant="subtle" size="compact-xs" onClick={() => onChange([...hours, { from: '09:00', until: '17:00' }])}>
          {hours.length === 0 ? 'Limit to hours' : 'Add hours'}
        </Button>
      </div>
    </Stack>
  )
}
