import { ActionIcon, Button, Group, Modal, MultiSelect, NumberInput, Select, Stack, Text, TextInput } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import type { Rota } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

const targets = [
  { value: '0', label: 'Primary' },
  { value: '1', label: 'Backup' },
  { value: '2', label: 'Third in turn' },
  { value: 'everyone', label: 'Everyone' },
]

export function RotaModal({ team, onClose }: { team: Rota; onClose: () => void }) {
  const people = useApi('people')
  const { rota } = team
  const { form, submit, isBusy } = useRouteForm(
    'saveRota',
    {
      timeZone: rota?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      startDate: rota?.startDate ?? dayFromNow(0),
      handoffTime: rota?.handoffTime ?? '09:00',
      participantIds: rota?.participantIds ?? [],
      repeats: rota?.repeats ?? 2,
      steps: (
        rota?.steps ?? [
          { target: { kind: 'depth' as const, depth: 0 }, waitMinutes: 5 },
          { target: { kind: 'depth' as const, depth: 1 }, waitMinutes: 5 },
          { target: { kind: 'everyone' as const }, waitMinutes: 10 },
        ]
      ).map((step, position) => ({
        key: `step ${position}`,
        target: step.target.kind === 'everyone' ? 'everyone' : String(step.target.depth),
        waitMinutes: step.waitMinutes,
      })),
    },
    {
      around: () => ({ params: { id: team.team.id } }),
      toBody: values => ({
        ...values,
        steps: values.steps.map(step => ({
          target: step.target === 'everyone' ? { kind: 'everyone' } : { kind: 'depth', depth: Number(step.target) },
          waitMinutes: step.waitMinutes,
        })),
        ...(rota ? { version: rota.version } : {}),
      }),
      done: 'The rotation is set.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title={`Rotation of ${team.team.name}`} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <MultiSelect
            label="Who takes turns"
            description="In this order, a week each"
            data={(people.data?.people ?? []).filter(person => person.isActive).map(person => ({ value: person.id, label: person.name }))}
            searchable
            {...form.getInputProps('participantIds')}
          />
          <Group grow align="flex-start">
            <TextInput label="First handoff" type="date" {...form.getInputProps('startDate')} />
            <TextInput label="Handoff at" type="time" {...form.getInputProps('handoffTime')} />
          </Group>
          <Select label="Time zone" data={Intl.supportedValuesOf('timeZone')} searchable allowDeselect={false} {...form.getInputProps('timeZone')} />
          <Text fw={550} size="sm">
            Escalation policy
          </Text>
          {form.values.steps.map((step, position) => (
            <Group key={step.key} align="flex-end" wrap="nowrap">
              <Select
                label={position === 0 ? 'Page' : 'Then'}
                data={targets}
                allowDeselect={false}
                flex={1}
                {...form.getInputProps(`steps.${position}.target`)}
              />
              <NumberInput label="Wait, minutes" min={1} max={1440} w={120} {...form.getInputProps(`steps.${position}.waitMinutes`)} />
              <ActionIcon
                variant="subtle"
                color="gray"
                size={36}
                aria-label="Remove the step"
                disabled={form.values.steps.length === 1}
                onClick={() => form.removeListItem('steps', position)}
              >
                <IconTrash size={16} />
              </ActionIcon>
            </Group>
          ))}
          <Group justify="space-between" align="flex-end">
            <Button variant="default" size="xs" onClick={() => form.insertListItem('steps', { key: crypto.randomUUID(), target: 'everyone', waitMinutes: 10 })}>
              Add a step
            </Button>
            <NumberInput label="Repeat the steps, times" min={0} max={9} w={180} {...form.getInputProps('repeats')} />
          </Group>
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
