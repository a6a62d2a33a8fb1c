import { Radio, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import type { Alert, IncidentSummary } from '@tocsin/api'
import { act } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useChoices } from '../parts/pages.ts'
import { offerUndo } from '../parts/undo.tsx'

const responsibilities = [
  { value: 'us', label: 'Us' },
  { value: 'customer', label: 'Customer' },
  { value: 'shared', label: 'Shared' },
]

interface Props {
  alert: Alert
  isOpen: boolean
  onClose: () => void
}

export function DismissModal({ alert, isOpen, onClose }: Props) {
  const others = useChoices<Alert>('alerts', { view: 'all' }, isOpen)
  const { form, submit, isBusy } = useRouteForm(
    'dismissAlert',
    { value: 'false-positive', responsibility: 'us', reason: '', duplicateOf: '' },
    {
      around: () => ({ params: { id: alert.id } }),
      toBody: ({ duplicateOf, ...values }) => ({ ...values, ...(values.value === 'duplicate' && duplicateOf ? { duplicateOf } : {}) }),
      onDone: () => {
        onClose()
        offerUndo({
          message: `Alert ${alert.number} dismissed.`,
          undo: () => act('reopenAlert', { params: { id: alert.id }, body: { reason: 'Dismissal undone.' } }),
          undone: `Alert ${alert.number} reopened.`,
        })
      },
    },
  )
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Dismiss alert">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Radio.Group label="Disposition" {...form.getInputProps('value')}>
            <Stack gap={8} mt={6}>
              <Radio value="false-positive" label="False positive" description="The rule fired wrongly" />
              <Radio value="benign-true-positive" label="Benign true positive" description="Expected activity" />
              <Radio value="true-positive" label="True positive" description="Handled without an incident" />
              <Radio
                value="not-security"
                label="Not security"
                description="A compliance matter: confidentiality, integrity and availability are not affected"
              />
              <Radio value="duplicate" label="Duplicate" description="Another alert is about the same" />
            </Stack>
          </Radio.Group>
          {form.values.value === 'duplicate' ? (
            <Select
              label="Duplicate of"
              data={others.items.filter(({ id }) => id !== alert.id).map(other => ({ value: other.id, label: `Alert ${other.number}: ${other.title}` }))}
              description={others.hint}
              limit={50}
              required
              searchable
              {...form.getInputProps('duplicateOf')}
            />
          ) : null}
          <Select label="Responsibility" data={responsibilities} allowDeselect={false} {...form.getInputProps('responsibility')} />
          <Textarea label="Reason" description="How you know. Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Dismiss" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

export function ReopenModal({ alert, onClose }: Omit<Props, 'isOpen'>) {
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

export function MoveModal({ alert, incident, onClose }: Omit<Props, 'isOpen'> & { incident: NonNullable<Alert['incident']> }) {
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

export function EscalateModal({ alert, isOpen, onClose }: Props) {
  const navigate = useNavigate()
  const open = useChoices<IncidentSummary>('incidents', { view: 'open' }, isOpen)
  const { form, submit, isBusy } = useRouteForm(
    'escalateAlert',
    { incidentId: '', title: alert.title.slice(0, 200), responsibility: 'us', reason: '' },
    {
      around: () => ({ params: { id: alert.id } }),
      toBody: values => ({
        responsibility: values.responsibility,
        reason: values.reason,
        ...(values.incidentId ? { incidentId: values.incidentId } : { title: values.title }),
      }),
      onDone: (incident: { id: string }) => void navigate({ to: '/incidents/$id', params: { id: incident.id } }),
    },
  )
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title="Escalate alert">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Select
            label="Escalate to"
            data={[
              { value: '', label: 'New suspected incident' },
              ...open.items.map(incident => ({ value: incident.id, label: `Incident ${incident.number}: ${incident.title}` })),
            ]}
            description={open.hint}
            allowDeselect={false}
            searchable
            {...form.getInputProps('incidentId')}
          />
          {form.values.incidentId === '' ? <TextInput label="Incident title" required {...form.getInputProps('title')} /> : null}
          <Select label="Responsibility" data={responsibilities} allowDeselect={false} {...form.getInputProps('responsibility')} />
          <Textarea
            label="Reason"
            description="Why you suspect an incident. Kept in the audit log."
            autosize
            minRows={3}
            required
            {...form.getInputProps('reason')}
          />
          <FormActions submit="Escalate" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
