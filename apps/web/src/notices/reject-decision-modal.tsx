import { Stack, Textarea } from '@mantine/core'
import type { Obligation } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

/** Rejects a proposed deferral or waiver, with the reason. */
export function RejectDecisionModal({ obligation, kind, onClose }: { obligation: Obligation; kind: 'defer' | 'waive'; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('rejectDecision', obligation, () => ({ reason: '' }), {
    around: () => ({ params: { id: obligation.id } }),
    done: 'Rejected. The obligation is due as before.',
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title={`Reject the ${kind === 'defer' ? 'deferral' : 'waiver'}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Reject" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
