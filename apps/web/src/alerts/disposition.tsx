import { Modal, Radio, Select, Stack, Textarea, TextInput } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

const responsibilities = [
  { value: 'us', label: 'Ours' },
  { value: 'customer', label: 'The customer’s' },
  { value: 'shared', label: 'Shared' },
]

interface Props {
  alert: Alert
  isOpen: boolean
  onClose: () => void
}

export function DismissModal({ alert, isOpen, onClose }: Props) {
  const { form, submit, isBusy } = useRouteForm(
    'dismissAlert',
    { value: 'false-positive', responsibility: 'us', reason: '' },
    { around: () => ({ params: { id: alert.id } }), done: 'Dismissed.', onDone: onClose },
  )
  return (
    <Modal opened={isOpen} onClose={onClose} title="Dismiss the alert">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Radio.Group label="Why" {...form.getInputProps('reason')}>
            <Stack gap={8} mt={6}>
              <Radio value="false-positive" label="False positive" description="What it says did not happen" />
              <Radio value="benign-true-positive" label="Benign" description="It happened, and was meant to" />
              <Radio
                value="not-security"
                label="Compliance event"
                description="A rule was broken, but confidentiality, integrity and availability are untouched"
              />
              <Radio value="duplicate" label="Duplicate" description="Another alert or incident covers it" />
            </Stack>
          </Radio.Group>
          <Select label="Whose realm of responsibility it is" data={responsibilities} allowDeselect={false} {...form.getInputProps('realm')} />
          <Textarea label="Statement" description="How you know. It stands in the record." autosize minRows={3} required {...form.getInputProps('statement')} />
          <FormActions submit="Dismiss" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}

export function EscalateModal({ alert, isOpen, onClose }: Props) {
  const navigate = useNavigate()
  const open = useApi('incidents', { query: { view: 'open', limit: 100 } }, { isEnabled: isOpen })
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
    <Modal opened={isOpen} onClose={onClose} title="Escalate the alert">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Select
            label="To"
            data={[
              { value: '', label: 'A new suspected incident' },
              ...(open.data?.items ?? []).map(incident => ({ value: incident.id, label: `Incident ${incident.number}: ${incident.title}` })),
            ]}
            allowDeselect={false}
            searchable
            {...form.getInputProps('incidentId')}
          />
          {form.values.incidentId === '' ? <TextInput label="Title of the incident" required {...form.getInputProps('title')} /> : null}
          <Select label="Whose realm of responsibility it is" data={responsibilities} allowDeselect={false} {...form.getInputProps('realm')} />
          <Textarea
            label="Statement"
            description="What makes you suspect an incident. It stands in the record."
            autosize
            minRows={3}
            required
            {...form.getInputProps('statement')}
          />
          <FormActions submit="Escalate" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
