import { Modal, Stack, Text, Textarea } from '@mantine/core'
import type { JournalDeadLetter } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

/** Gives a dead letter up, with the reason. */
export function DiscardModal({ letter, onClose }: { letter: JournalDeadLetter; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'discardJournalDeadLetter',
    { reason: '' },
    { around: () => ({ params: { id: letter.id } }), done: 'Dead letter discarded.', onDone: onClose },
  )
  return (
    <Modal opened onClose={onClose} title="Discard this dead letter">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text className="quiet">
            What should have followed from {letter.entry.type} in {letter.reader} will not happen.
          </Text>
          <Textarea label="Reason" description="Kept in the audit log" autosize minRows={2} {...form.getInputProps('statement')} />
          <FormActions isBusy={isBusy} onCancel={onClose} submit="Discard" />
        </Stack>
      </form>
    </Modal>
  )
}
