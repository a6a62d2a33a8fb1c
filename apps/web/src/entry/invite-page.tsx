import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useRouteForm } from '../forms.ts'
import { FormProblem } from '../parts/page.tsx'
import { EntryFrame } from './frame.tsx'

export function InvitePage() {
  const { token } = useParams({ strict: false }) as { token: string }
  const { form, submit, isBusy } = useRouteForm('acceptInvitation', { token, name: '', password: '' }, { onDone: () => window.location.assign('/sign-in') })
  return (
    <EntryFrame title="You’re invited" lead="Choose a password, then set up a second factor.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={{ form: form.errors.form ?? form.errors.token }} />
          <TextInput label="Your name" autoComplete="name" autoFocus {...form.getInputProps('name')} />
          <PasswordInput
            label="Password"
            description="At least 12 characters. Several unrelated words are easy to remember and hard to guess."
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={isBusy}>
            Create account
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}
