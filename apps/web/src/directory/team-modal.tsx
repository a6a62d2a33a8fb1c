import { Modal, Select, Stack, TextInput } from '@mantine/core'
import type { Team } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { PersonMultiSelect } from '../parts/choices.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

export function TeamModal({ team, onClose }: { team: Team | undefined; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'saveTeam',
    { name: team?.name ?? '', kind: (team?.kind ?? 'security') as string, memberIds: team?.members.map(member => member.id) ?? [] },
    { toBody: values => ({ ...values, ...(team ? { id: team.id } : {}) }), done: 'Saved.', onDone: onClose },
  )
  return (
    <Modal opened onClose={onClose} title={team ? team.name : 'Add team'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <TextInput label="Name" required {...form.getInputProps('name')} />
          <Select
            label="Kind"
            data={[
              { value: 'security', label: 'Security response: leads incidents' },
              { value: 'engineering', label: 'Engineering: owns services' },
            ]}
            allowDeselect={false}
            {...form.getInputProps('kind')}
          />
          <PersonMultiSelect label="Members" {...form.getInputProps('memberIds')} />
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Modal>
  )
}
