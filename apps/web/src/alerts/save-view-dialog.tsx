import { Checkbox, Code, Stack, TextInput } from '@mantine/core'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useMay } from '../session.ts'
import type { Selection } from './selection.ts'

/** Keeps what is listed as a view, for oneself or for everybody. */
export function SaveViewDialog({ selection, onClose }: { selection: Selection; onClose: () => void }) {
  const mayShare = useMay('responder')
  const { form, submit, isBusy } = useRouteForm(
    'saveView',
    { name: '', isShared: false },
    {
      toBody: values => ({ list: 'alerts', view: selection.view, filter: selection.filter, sort: selection.sort ?? null, ...values }),
      done: 'View saved.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title="Save view">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <TextInput label="Name" required {...form.getInputProps('name')} />
          <Code block>{selection.filter || (selection.view === 'all' ? 'All alerts' : 'Triage queue')}</Code>
          {mayShare ? <Checkbox label="Share with everybody" {...form.getInputProps('isShared', { type: 'checkbox' })} /> : null}
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
