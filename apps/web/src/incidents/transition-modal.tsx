import { Alert, Modal, Stack, Text, Textarea, TextInput } from '@mantine/core'
import type { Incident, RouteName } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

const actions: Record<string, { route: RouteName; title: string; lead: string; button: string }> = {
  declare: {
    route: 'declareIncident',
    title: 'Declare the incident',
    lead: 'The official act that starts the clocks: affected customers must be notified within their contract’s hours from now.',
    button: 'Declare now',
  },
  contain: {
    route: 'containIncident',
    title: 'Contained',
    lead: 'The attacker can do no more harm than is done. Also when the attacker has returned after recovery.',
    button: 'Record as contained',
  },
  eradicate: {
    route: 'eradicateIncident',
    title: 'Eradicated',
    lead: 'The cause is removed: malware, stolen keys, the way in.',
    button: 'Record as eradicated',
  },
  recover: {
    route: 'recoverIncident',
    title: 'Recovered',
    lead: 'The services are back in a known secure state, and stay under watch.',
    button: 'Record as recovered',
  },
  close: {
    route: 'closeIncident',
    title: 'Close the incident',
    lead: 'Afterwards its record cannot change. Reopening is an act of its own.',
    button: 'Close the incident',
  },
  reopen: { route: 'reopenIncident', title: 'Reopen the incident', lead: 'Say what has come to light.', button: 'Reopen' },
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
  const { form, submit, isBusy } = useRouteForm(
    route,
    { reason: '', secureState: '', verification: '', monitorUntil: dayFromNow(14) },
    {
      around: () => ({ params: { id: incident.id } }),
      toBody: values => ({
        version: incident.version,
        reason: values.reason,
        ...(isRecovery ? { secureState: values.secureState, verification: values.verification, monitorUntil: values.monitorUntil } : {}),
      }),
      done: 'It stands in the record.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title={title}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">{lead}</Text>
          {blockedBy.length > 0 ? (
            <Alert color="yellow" title="Not yet">
              {blockedBy.map(sentence => (
                <Text key={sentence} size="sm">
                  {sentence}
                </Text>
              ))}
            </Alert>
          ) : null}
          {action === 'declare' && incident.customers.length > 0 ? (
            <Text size="sm">Clocks start for: {incident.customers.map(customer => customer.name).join(', ')}.</Text>
          ) : null}
          <FormProblem errors={form.errors} />
          <Textarea
            label="Statement"
            description="What is known, in your words. It stands in the record."
            autosize
            minRows={3}
            required
            {...form.getInputProps('reason')}
          />
          {isRecovery ? (
            <>
              <Textarea
                label="Known secure state"
                description="What the services were brought back to"
                autosize
                minRows={2}
                required
                {...form.getInputProps('secureState')}
              />
              <Textarea label="Verification" description="How that was shown" autosize minRows={2} required {...form.getInputProps('verification')} />
              <TextInput label="Under watch until" type="date" required {...form.getInputProps('monitorUntil')} />
            </>
          ) : null}
          <FormActions submit={button} isBusy={isBusy} isBlocked={blockedBy.length > 0} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
