import { Checkbox, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

/** Reopens an incident: of a recovered one with a new monitoring period, and with an answer whether customers who were notified are told. */
export function ReopenModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const isStoodDown = incident.stoodDownAt !== null
  const isRecovered = incident.declaredAt !== null && !isStoodDown
  const obligations = useApi('obligations', { query: { view: 'all', incidentId: incident.id, limit: 200 } }, { isEnabled: incident.declaredAt !== null })
  const { form, submit, isBusy, newer } = useRecordForm(
    'reopenIncident',
    incident,
    () => ({ reason: '', isMonitored: true, monitorUntil: dayFromNow(14), noMonitoringReason: '', updateCustomers: '', noUpdateReason: '' }),
    {
      around: () => ({ params: { id: incident.id } }),
      restsOn: ({ status, stoodDownAt }) => [status, stoodDownAt],
      toBody: ({ reason, isMonitored, monitorUntil, noMonitoringReason, updateCustomers, noUpdateReason }) => ({
        reason,
        ...(isRecovered ? (isMonitored ? { monitorUntil } : { monitorUntil: null, noMonitoringReason }) : {}),
        ...(updateCustomers === '' ? {} : { updateCustomers: updateCustomers === 'yes' }),
        ...(updateCustomers === 'no' ? { noUpdateReason } : {}),
      }),
      done: 'Incident reopened.',
      onDone: onClose,
    },
  )
  const wasNotified = obligations.data?.items.some(({ state, customer }) => state === 'notified' && customer !== null) === true
  return (
    <Dialog onClose={onClose} title="Reopen incident">
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">
            {isStoodDown
              ? 'Its declaration was no error after all: it is declared again, as it was, and its notification deadlines are those of the declaration.'
              : isRecovered
                ? 'Starts a new round: it is monitored again, and a required review gets a supplement.'
                : 'Describe what is new.'}
          </Text>
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea label="Reason" description="What is new. Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          {isRecovered ? (
            <>
              <Checkbox
                label="Monitor the services"
                description="The lead is paged about alerts on them"
                {...form.getInputProps('isMonitored', { type: 'checkbox' })}
              />
              {form.values.isMonitored ? (
                <TextInput label="Monitor until (UTC)" type="date" required {...form.getInputProps('monitorUntil')} />
              ) : (
                <Textarea label="Why no monitoring period is needed" autosize minRows={2} required {...form.getInputProps('noMonitoringReason')} />
              )}
            </>
          ) : null}
          {wasNotified || form.errors.updateCustomers ? (
            <Select
              label="Customers who were notified"
              data={[
                { value: 'yes', label: 'Get an update within 24 hours' },
                { value: 'no', label: 'Get no update' },
              ]}
              required
              {...form.getInputProps('updateCustomers')}
            />
          ) : null}
          {form.values.updateCustomers === 'no' ? (
            <Textarea label="Why they get no update" autosize minRows={2} required {...form.getInputProps('noUpdateReason')} />
          ) : null}
          <FormActions submit="Reopen" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
