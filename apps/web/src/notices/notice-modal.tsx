import { Checkbox, Stack, Textarea, TextInput } from '@mantine/core'
import type { Notice, Obligation } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

/** `datetime-local` speaks the viewer's zone; the API speaks UTC. */
const toLocal = (at: string | null) => (at === null ? '' : new Date(Date.parse(at) - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16))
const toInstant = (local: string) => (local === '' ? null : new Date(local).toISOString())

const valuesOf = (notice: Notice | undefined) => ({
  nature: notice?.nature ?? '',
  userImpact: notice?.userImpact ?? '',
  mitigation: notice?.mitigation ?? '',
  isInvestigationComplete: notice?.isInvestigationComplete ?? false,
  nextSteps: notice?.nextSteps ?? '',
  nextCommunicationAt: toLocal(notice?.nextCommunicationAt ?? null),
})

/** Drafts a notice, or changes one. */
export function NoticeModal({ obligation, notice, onClose }: { obligation: Obligation; notice?: Notice; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm(notice ? 'changeNotice' : 'draftNotice', notice, valuesOf, {
    around: () => ({ params: { id: notice?.id ?? obligation.id } }),
    toBody: values => ({
      ...values,
      // What is not shown is not said, and announces nothing.
      nextSteps: values.isInvestigationComplete ? null : values.nextSteps || null,
      nextCommunicationAt: values.isInvestigationComplete ? null : toInstant(values.nextCommunicationAt),
    }),
    done: notice ? 'Notice saved. It needs approval.' : 'Draft saved. Somebody else must approve it.',
    onDone: onClose,
  })
  const isOpen = !form.values.isInvestigationComplete
  return (
    <Dialog
      onClose={onClose}
      title={`${(obligation.state === 'notified' || obligation.kind === 'update') && !notice ? 'Update' : 'Notice'} to ${obligation.customer?.name ?? ''}`}
      size="xl"
    >
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea
            label="Nature of the breach"
            description="What happened, in words the customer understands"
            autosize
            minRows={3}
            required
            {...form.getInputProps('nature')}
          />
          <Textarea label="Approximate user impact" autosize minRows={2} required {...form.getInputProps('userImpact')} />
          <Textarea
            label="Mitigation steps"
            description="What was done, and what the customer can do"
            autosize
            minRows={3}
            required
            {...form.getInputProps('mitigation')}
          />
          <Checkbox label="The investigation is complete" {...form.getInputProps('isInvestigationComplete', { type: 'checkbox' })} />
          {isOpen ? (
            <>
              <Textarea label="Next steps" autosize minRows={2} required {...form.getInputProps('nextSteps')} />
              <TextInput label="Next communication by" type="datetime-local" required {...form.getInputProps('nextCommunicationAt')} />
            </>
          ) : null}
          <FormActions submit={notice ? 'Save' : 'Save draft'} isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
