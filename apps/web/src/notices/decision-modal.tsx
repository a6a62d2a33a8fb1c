import { Modal, Radio, Select, Stack, Textarea, TextInput } from '@mantine/core'
import type { Obligation, reasonCategories } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'

export const reasonCategoryLabels: Record<(typeof reasonCategories)[number], string> = {
  'data-unintelligible': 'The data is unintelligible to whoever has it',
  'would-tip-off-attacker': 'The notice would tip off the attacker',
  'would-harm-others': 'The notice would harm others',
  'asked-by-authority': 'An authority asked for it',
  other: 'Another ground',
}

export function DecisionModal({ obligation, onClose }: { obligation: Obligation; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'proposeDecision',
    { kind: 'defer', reasonCategory: 'would-tip-off-attacker', reason: '', reviewOn: dayFromNow(2) },
    {
      around: () => ({ params: { id: obligation.id } }),
      toBody: values => ({ ...values, version: obligation.version }),
      done: 'Proposed. The executive or another lead approves it.',
      onDone: onClose,
    },
  )
  return (
    <Modal opened onClose={onClose} title={`Decide about ${obligation.customer.name}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Radio.Group label="What" {...form.getInputProps('kind')}>
            <Stack gap={8} mt={6}>
              <Radio value="defer" label="Delay the notice" description="The contract’s clock goes on; the record says why it is not kept" />
              <Radio value="waive" label="Do not notify" />
            </Stack>
          </Radio.Group>
          <Select
            label="Ground"
            data={Object.entries(reasonCategoryLabels).map(([value, label]) => ({ value, label }))}
            allowDeselect={false}
            {...form.getInputProps('reasonCategory')}
          />
          <Textarea label="Reason" autosize minRows={3} required {...form.getInputProps('reason')} />
          <TextInput label="Look at it again on" type="date" required {...form.getInputProps('reviewOn')} />
          <FormActions submit="Propose" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
