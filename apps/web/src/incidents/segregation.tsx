import { Alert, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Incident } from '@tocsin/api'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { useMay, useMe } from '../session.ts'

/** What a second person has still to look at before the incident can be closed: the recovery, and what one person did both of. */
export function SecondLooks({ incident }: { incident: Incident }) {
  const isToVerify = incident.status === 'recovered' && incident.stoodDownAt === null && incident.recoveryVerified === null
  return (
    <>
      {isToVerify ? <RecoveryToVerify incident={incident} /> : null}
      {incident.exceptions
        .filter(({ reviewedAt }) => reviewedAt === null)
        .map(exception => (
          <ExceptionToReview key={exception.id} incident={incident} exception={exception} />
        ))}
    </>
  )
}

function RecoveryToVerify({ incident }: { incident: Incident }) {
  const mayRespond = useMay('responder')
  const [isVerifying, verifying] = useDisclosure()
  return (
    <Alert color="yellow" title="The recovery is not verified yet">
      <Group justify="space-between">
        <Text size="sm">Somebody other than who recovered the incident checks that services are in the known secure state.</Text>
        {mayRespond ? (
          <Button size="xs" onClick={verifying.open}>
            Verify recovery…
          </Button>
        ) : null}
      </Group>
      {isVerifying ? <VerifyModal incident={incident} onClose={verifying.close} /> : null}
    </Alert>
  )
}

function VerifyModal({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('verifyRecovery', incident, () => ({ reason: '' }), {
    around: () => ({ params: { id: incident.id } }),
    restsOn: ({ status, recoveryVerified }) => [status, recoveryVerified],
    done: 'Recovery verified.',
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title="Verify recovery">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea label="What was checked" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Verify recovery" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function ExceptionToReview({ incident, exception }: { incident: Incident; exception: Incident['exceptions'][number] }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const [isReviewing, reviewing] = useDisclosure()
  const mayReview = mayLead && exception.personId !== me?.person.id
  return (
    <Alert color="yellow" title="To be reviewed by a second person">
      <Group justify="space-between">
        <Text size="sm">{exception.sentence}. Somebody else with the role lead reviews that before the incident can be closed.</Text>
        {mayReview ? (
          <Button size="xs" onClick={reviewing.open}>
            Review…
          </Button>
        ) : null}
      </Group>
      {isReviewing ? <ReviewModal params={{ id: incident.id, exceptionId: exception.id }} onClose={reviewing.close} /> : null}
    </Alert>
  )
}

function ReviewModal({ params, onClose }: { params: { id: string; exceptionId: string }; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm('reviewException', { reason: '' }, { around: () => ({ params }), done: 'Reviewed.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title="Review">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea label="What you found" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Mark reviewed" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
