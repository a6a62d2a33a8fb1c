import { Button, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Notice } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

/** Discards a notice that was not sent, once that is confirmed. */
export function DiscardNotice({ notice, customer }: { notice: Notice; customer: string }) {
  const [isOpen, { open, close }] = useDisclosure()
  return (
    <>
      <Button size="xs" variant="default" onClick={open}>
        Discard…
      </Button>
      {isOpen ? <DiscardModal notice={notice} customer={customer} onClose={close} /> : null}
    </>
  )
}

function DiscardModal({ notice: { id, version }, customer, onClose }: { notice: Notice; customer: string; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'discardNotice',
    {},
    { around: () => ({ params: { id } }), toBody: () => ({ version }), done: 'Notice discarded.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={`Discard the notice to ${customer}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">It is not sent. What it said is kept in the audit log.</Text>
          <FormActions submit="Discard" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
