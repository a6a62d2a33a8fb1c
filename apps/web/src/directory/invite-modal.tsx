import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { roles } from '@tocsin/api'
import { useState } from 'react'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'

export function InviteModal({ onClose }: { onClose: () => void }) {
  const [link, setLink] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'invite',
    { name: '', email: '', role: 'responder' },
    { onDone: (reply: { link: string }) => setLink(reply.link) },
  )
  return (
    <Dialog onClose={onClose} title="Invite person">
      {link ? (
        <Stack>
          <Text>Invitation sent by email. If they cannot receive email, share this one-time link privately. It expires in seven days.</Text>
          <Secret value={link} label="Link" />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit} noValidate>
          <Stack>
            <FormProblem errors={form.errors} />
            <TextInput label="Name" required {...form.getInputProps('name')} />
            <TextInput label="Email" type="email" required {...form.getInputProps('email')} />
            <Select
              label="Role"
              description="Observers read; responders respond; leads declare, close and manage; administrators do everything"
              data={[...roles]}
              allowDeselect={false}
              {...form.getInputProps('role')}
            />
            <FormActions submit="Invite" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
