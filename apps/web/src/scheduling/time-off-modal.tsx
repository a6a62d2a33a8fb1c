import { Group, Stack, Text, TextInput } from '@mantine/core'
import { useRouteForm } from '../forms.ts'
import { PersonSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput } from '../parts/local-time.ts'
import { FormProblem } from '../parts/page.tsx'
import { useMay, useMe } from '../session.ts'

export function TimeOffModal({ onClose }: { onClose: () => void }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const { form, submit, isBusy } = useRouteForm(
    'addTimeOff',
    { personId: me?.person.id ?? '', start: '', end: '', reason: '' },
    {
      toBody: values => ({ ...values, start: fromLocalInput(values.start), end: fromLocalInput(values.end) }),
      done: 'Time off saved. Others in the rotation were asked to cover.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title="Time off">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">You are not scheduled during this time. Uncovered shifts show as coverage gaps until somebody takes them.</Text>
          {mayLead ? <PersonSelect label="Person" allowDeselect={false} {...form.getInputProps('personId')} /> : null}
          <Group grow align="flex-start">
            <TextInput label="From" type="datetime-local" {...form.getInputProps('start')} />
            <TextInput label="Until" type="datetime-local" {...form.getInputProps('end')} />
          </Group>
          <TextInput label="Reason" description="Optional. Visible to everybody." {...form.getInputProps('reason')} />
          <FormActions submit="Add time off" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
