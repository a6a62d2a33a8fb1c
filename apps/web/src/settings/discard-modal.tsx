import { Stack, Text, Textarea } from '@mantine/core'
import type { JournalDeadLetter } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

/** Discards a dead letter, with the reason. */
export function DiscardModal({ deadLetter, onClose }: { deadLetter: JournalDeadLetter; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'discardJournalDeadLetter',
    { reason: '' },
    { around: () => ({ params: { id: deadLetter.id } }), done: 'Dead letter discarded.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title="Discard this dead letter">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">
            The actions that {deadLetter.entry.type} triggers in {deadLetter.reader} will not run.
          </Text>
          <Textarea label="Reason" description="Kept in the audit log" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions isBusy={isBusy} onCancel={onClose} submit="Discard" />
        </Stack>
      </form>
    </Dialog>
  )
}
