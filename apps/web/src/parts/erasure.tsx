import { Anchor, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Erasure } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { useMay } from '../session.ts'
import { Dialog } from './dialog.tsx'
import { FormActions } from './form-actions.tsx'
import { FormProblem } from './page.tsx'
import { Time } from './time.tsx'

/** What stands in the place of something that was erased. */
export function Erased({ erasure }: { erasure: Erasure }) {
  return (
    <Text className="quiet" component="div">
      Erased on <Time at={erasure.at} /> by {erasure.by}: {erasure.reason}
    </Text>
  )
}

type Target = { readonly kind: 'note'; readonly noteId: string } | { readonly kind: 'incident'; readonly incidentId: string }

/** A link for administrators, to request that a note, or what an incident says of affected persons, is erased. */
export function RequestErasure({ target }: { target: Target }) {
  const [isOpen, modal] = useDisclosure()
  if (!useMay('administrator')) return null
  return (
    <>
      <Anchor component="button" size="sm" onClick={modal.open}>
        Erase…
      </Anchor>
      {isOpen ? <RequestModal target={target} onClose={modal.close} /> : null}
    </>
  )
}

function RequestModal({ target, onClose }: { target: Target; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'requestErasure',
    { reason: '' },
    { toBody: values => ({ ...target, ...values }), done: 'Requested. Another administrator approves it under Settings.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={target.kind === 'note' ? 'Erase this note' : 'Erase what is written of affected persons'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">
            {target.kind === 'note' ? 'The text with all its versions' : 'The summary and the description of affected data, with all their versions,'} cannot be
            restored. Another administrator must approve.
          </Text>
          <Textarea label="Reason" description="Without the data itself: kept in the audit log" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions isBusy={isBusy} onCancel={onClose} submit="Request erasure" />
        </Stack>
      </form>
    </Dialog>
  )
}
