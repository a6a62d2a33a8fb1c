import { Alert, Checkbox, Stack, Text, Textarea, TextInput } from '@mantine/core'
import type { Incident, RouteName } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

const actions: Record<string, { route: RouteName; title: string; lead: string; button: string }> = {
  declare: {
    route: 'declareIncident',
    title: 'Declare incident',
    lead: 'Starts the notification deadlines: affected customers must be notified within the time that their contracts give.',
    button: 'Declare incident',
  },
  contain: {
    route: 'containIncident',
    title: 'Mark contained',
    lead: 'The attacker can do no further harm. Also use this when the attacker has returned after recovery.',
    button: 'Mark contained',
  },
  eradicate: {
    route: 'eradicateIncident',
    title: 'Mark eradicated',
    lead: 'The cause is removed: malware, stolen credentials, the entry point.',
    button: 'Mark eradicated',
  },
  recover: {
    route: 'recoverIncident',
    title: 'Mark recovered',
    lead: 'Services are back in a known secure state, and a monitoring period starts.',
    button: 'Mark recovered',
  },
  close: {
    route: 'closeIncident',
    title: 'Close incident',
    lead: 'A closed incident is read-only. It can be reopened with a reason.',
    button: 'Close incident',
  },
}

/** Customers that are named; of more it says how many. */
const maxNamed = 3

function firstNames(customers: readonly { readonly name: string }[]): string {
  const names = customers.slice(0, maxNamed).map(({ name }) => name)
  const more = customers.length - names.length
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more.toLocaleString('en')} more`
}

/** One step of the lifecycle, with its statement. */
export function TransitionModal({
  incident,
  action,
  blockedBy,
  onClose,
}: {
  incident: Incident
  action: string
  blockedBy: readonly string[]
  onClose: () => void
}) {
  const { route, title, lead, button } = actions[action] ?? { route: 'containIncident' as const, title: action, lead: '', button: action }
  const isRecovery = action === 'recover'
  const { form, submit, isBusy, newer } = useRecordForm(
    route,
    incident,
    () => ({ reason: '', secureState: '', verification: '', monitorUntil: dayFromNow(14), isMonitored: true, noMonitoringReason: '' }),
    {
      around: () => ({ params: { id: incident.id } }),
      restsOn: ({ status, severity, class: kind, services, customers, monitorUntil }) => [status, severity, kind, services, customers, monitorUntil],
      toBody: values => ({
        reason: values.reason,
        ...(isRecovery ? { secureState: values.secureState, verification: values.verification } : {}),
        ...(!isRecovery
          ? {}
          : values.isMonitored
            ? { monitorUntil: values.monitorUntil }
            : { monitorUntil: null, noMonitoringReason: values.noMonitoringReason }),
      }),
      done: 'Kept in the audit log.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={title}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">{lead}</Text>
          {blockedBy.length > 0 ? (
            <Alert color="yellow" title="Blocked">
              {blockedBy.map(sentence => (
                <Text key={sentence} size="sm">
                  {sentence}
                </Text>
              ))}
            </Alert>
          ) : null}
          {action === 'declare' && incident.customers.length > 0 ? <Text size="sm">Deadlines start for {firstNames(incident.customers)}.</Text> : null}
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea
            label="Reason"
            description="What is known, in your words. Kept in the audit log."
            autosize
            minRows={3}
            required
            {...form.getInputProps('reason')}
          />
          {isRecovery ? (
            <>
              <Textarea
                label="Known secure state"
                description="What services were restored to"
                autosize
                minRows={2}
                required
                {...form.getInputProps('secureState')}
              />
              <Textarea label="Verification" description="How it was verified" autosize minRows={2} required {...form.getInputProps('verification')} />
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
          <FormActions submit={button} isBusy={isBusy} isBlocked={blockedBy.length > 0} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

/** A later end of the monitoring period, with the reason. */
export function MonitoringModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('extendMonitoring', incident, () => ({ reason: '', monitorUntil: dayFromNow(14) }), {
    around: () => ({ params: { id: incident.id } }),
    restsOn: ({ status, monitorUntil }) => [status, monitorUntil],
    done: 'Monitoring period extended.',
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title={incident.monitorUntil ? 'Extend monitoring period' : 'Start monitoring period'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <TextInput label="Monitor until (UTC)" type="date" required {...form.getInputProps('monitorUntil')} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
