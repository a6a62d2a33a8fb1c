import { Radio, Select, Stack, Textarea, TextInput } from '@mantine/core'
import type { Obligation, reasonCategories } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

export const reasonCategoryLabels: Record<(typeof reasonCategories)[number], string> = {
  'not-affected': 'Not affected: listed by mistake',
  'data-unintelligible': 'Data unintelligible to the recipient (encrypted)',
  'would-tip-off-attacker': 'Notice would tip off the attacker',
  'would-harm-others': 'Notice would harm others',
  'asked-by-authority': 'Requested by an authority',
  other: 'Other reason',
}

export function DecisionModal({ obligation, onClose }: { obligation: Obligation; onClose: () => void }) {
  const isScope = obligation.customer === null
  const { form, submit, isBusy, newer } = useRecordForm(
    'proposeDecision',
    obligation,
    () => ({
      ...(isScope ? { kind: 'waive', reasonCategory: 'data-unintelligible' } : { kind: 'defer', reasonCategory: 'would-tip-off-attacker' }),
      ...{ reason: '', reviewOn: dayFromNow(2) },
    }),
    {
      around: () => ({ params: { id: obligation.id } }),
      done: 'Proposed. The executive sponsor or another lead must approve.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={obligation.customer === null ? 'Affected customers' : `Defer or waive: ${obligation.customer.name}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Radio.Group label="Decision" {...form.getInputProps('kind')}>
            <Stack gap={8} mt={6}>
              <Radio
                value="defer"
                label={isScope ? 'Defer the list of affected customers' : 'Defer the notice'}
                description="Until the review date. The deadline still applies; the reason is kept in the audit log"
              />
              <Radio value="waive" label={isScope ? 'Nobody needs to be notified' : 'Waive the notice'} />
            </Stack>
          </Radio.Group>
          <Select
            label="Reason category"
            data={Object.entries(reasonCategoryLabels).map(([value, label]) => ({ value, label }))}
            allowDeselect={false}
            {...form.getInputProps('reasonCategory')}
          />
          <Textarea label="Reason" autosize minRows={3} required {...form.getInputProps('reason')} />
          <TextInput label="Review on (UTC)" type="date" required {...form.getInputProps('reviewOn')} />
          <FormActions submit="Propose" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
