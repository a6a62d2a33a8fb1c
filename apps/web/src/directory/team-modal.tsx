import { Select, Stack, TextInput } from '@mantine/core'
import type { Team } from '@tocsin/api'
import { useRecordForm } from '../forms.ts'
import { PersonMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'

export function TeamModal({ team, onClose }: { team: Team | undefined; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveTeam',
    team,
    each => ({ name: each?.name ?? '', kind: (each?.kind ?? 'security') as string, memberIds: each?.members.map(member => member.id) ?? [] }),
    { toBody: values => ({ ...values, ...(team ? { id: team.id } : {}) }), done: 'Saved.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={team ? team.name : 'Add team'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
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
    </Dialog>
  )
}
