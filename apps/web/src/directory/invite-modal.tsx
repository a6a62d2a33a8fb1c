import { Button, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { type Person, roles } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'

/** Invites somebody, or sends a new link to a person who has not accepted yet. */
export function InviteModal({ person, onClose }: { person?: Person; onClose: () => void }) {
  const status = useApi('status')
  const [link, setLink] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'invite',
    { name: person?.name ?? '', email: person?.email ?? '', role: person?.role ?? 'responder' },
    { onDone: (reply: { link: string }) => setLink(reply.link) },
  )
  return (
    <Dialog onClose={onClose} title={person ? 'Send new invitation' : 'Invite person'}>
      {link ? (
        <Stack>
          <Text>
            {status.data?.isPagingLive
              ? 'Invitation sent by email. If they cannot receive email, share this one-time link privately.'
              : 'Email is not configured, so no invitation was sent. Share this one-time link privately.'}{' '}
            It expires in seven days{person ? ', and earlier links no longer work' : ''}. They can be put into teams and on schedules now.
          </Text>
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
            <TextInput label="Email" type="email" required readOnly={person !== undefined} {...form.getInputProps('email')} />
            <Select
              label="Role"
              description="Observers read; responders respond; leads declare, close and manage; administrators do everything"
              data={[...roles]}
              allowDeselect={false}
              {...form.getInputProps('role')}
            />
            <FormActions submit={person ? 'Send' : 'Invite'} isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
