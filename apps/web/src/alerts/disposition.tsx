import { Select, Stack, Text, Textarea } from '@mantine/core'
import type { Alert, IncidentSummary } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useChoices } from '../parts/pages.ts'

interface Props {
  alert: Alert
  onClose: () => void
}

export function ReopenModal({ alert, onClose }: Props) {
  const { form, submit, isBusy } = useRouteForm(
    'reopenAlert',
    { reason: '' },
    { around: () => ({ params: { id: alert.id } }), done: 'Alert reopened.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title="Reopen alert">
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">Takes the disposition back. The alert returns to the triage queue.</Text>
          <FormProblem errors={form.errors} />
          <Textarea label="Reason" description="What is new. Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Reopen" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

export function MoveModal({ alert, incident, onClose }: Props & { incident: NonNullable<Alert['incident']> }) {
  const open = useChoices<IncidentSummary>('incidents', { view: 'open' })
  const { form, submit, isBusy } = useRouteForm(
    'moveAlert',
    { incidentId: '', reason: '' },
    {
      around: () => ({ params: { id: alert.id } }),
      toBody: values => ({ reason: values.reason, incidentId: values.incidentId || null }),
      done: 'Alert moved.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={`Move out of incident ${incident.number}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Select
            label="Move to"
            data={[
              { value: '', label: 'Triage queue' },
              ...open.items.filter(({ id }) => id !== incident.id).map(({ id, number, title }) => ({ value: id, label: `Incident ${number}: ${title}` })),
            ]}
            description={open.hint}
            allowDeselect={false}
            searchable
            {...form.getInputProps('incidentId')}
          />
          <Textarea
            label="Reason"
            description="Shown in the timelines of both incidents. Kept in the audit log."
            autosize
            minRows={3}
            required
            {...form.getInputProps('reason')}
          />
          <FormActions submit="Move" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
