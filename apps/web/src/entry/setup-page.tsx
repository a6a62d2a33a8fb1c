import { Button, PasswordInput, Stack, TextInput } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useRouteForm } from '../forms.ts'
import { FormProblem } from '../parts/page.tsx'
import { EntryFrame } from './frame.tsx'

export function SetupPage() {
  const { token } = useParams({ strict: false }) as { token: string }
  const { form, submit, isBusy } = useRouteForm(
    'setUp',
    { token, organization: '', name: '', email: '', password: '' },
    { onDone: () => window.location.assign('/sign-in') },
  )
  return (
    <EntryFrame title="Welcome" lead="This makes the first administrator. The link works once.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={{ form: form.errors.form ?? form.errors.token }} />
          <TextInput label="Organization" description="As customers read it in notices" autoFocus {...form.getInputProps('organization')} />
          <TextInput label="Your name" autoComplete="name" {...form.getInputProps('name')} />
          <TextInput label="Your e-mail" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput
            label="Password"
            description="At least 12 characters: length is what makes it strong"
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={isBusy}>
            Create the administrator
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}
