import { Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput } from '../parts/local-time.ts'
import { FormProblem } from '../parts/page.tsx'
import { useMay, useMe } from '../session.ts'

export function TimeOffModal({ onClose }: { onClose: () => void }) {
  const people = useApi('people')
  const me = useMe()
  const mayLead = useMay('lead')
  const { form, submit, isBusy } = useRouteForm(
    'addTimeOff',
    { personId: me?.person.id ?? '', start: '', end: '', reason: '' },
    {
      toBody: values => ({ ...values, start: fromLocalInput(values.start), end: fromLocalInput(values.end) }),
      done: 'Noted. The others of the rotations are asked to cover.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title="Time off">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">In this time no rotation gives a turn. Turns that nobody else holds are shown as gaps until somebody takes them.</Text>
          {mayLead ? (
            <Select
              label="Who"
              searchable
              allowDeselect={false}
              data={(people.data?.people ?? []).filter(person => person.isActive).map(person => ({ value: person.id, label: person.name }))}
              {...form.getInputProps('personId')}
            />
          ) : null}
          <Group grow align="flex-start">
            <TextInput label="From" type="datetime-local" {...form.getInputProps('start')} />
            <TextInput label="Until" type="datetime-local" {...form.getInputProps('end')} />
          </Group>
          <TextInput label="Reason" description="Everybody can read it; it may stay empty" {...form.getInputProps('reason')} />
          <FormActions submit="Take time off" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
