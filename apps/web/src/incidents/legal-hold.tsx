import { Anchor, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Incident } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useMayLead } from '../session.ts'

/** Whether the incident is under legal hold, and why; a lead changes that. */
export function LegalHold({ incident }: { incident: Incident }) {
  const [isOpen, modal] = useDisclosure()
  const mayLead = useMayLead(incident)
  const isHeld = incident.legalHoldReason !== null
  return (
    <>
      {isHeld ? incident.legalHoldReason : 'None'}{' '}
      {mayLead ? (
        <Anchor component="button" size="sm" onClick={modal.open}>
          {isHeld ? 'Lift' : 'Place'}
        </Anchor>
      ) : null}
      {isOpen ? <LegalHoldModal incident={incident} onClose={modal.close} /> : null}
    </>
  )
}

function LegalHoldModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const isHeld = incident.legalHoldReason === null
  const { form, submit, isBusy } = useRouteForm(
    'setLegalHold',
    { reason: '' },
    { around: () => ({ params: { id: incident.id } }), toBody: ({ reason }) => ({ version: incident.version, isHeld, reason }), onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={isHeld ? 'Place a legal hold' : 'Lift the legal hold'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">
            {isHeld ? 'Nothing that belongs to the incident is erased while it is held.' : 'Personal data of the incident can be erased again.'}
          </Text>
          <Textarea label="Reason" description="Kept in the audit log" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions isBusy={isBusy} onCancel={onClose} submit={isHeld ? 'Place hold' : 'Lift hold'} />
        </Stack>
      </form>
    </Dialog>
  )
}
