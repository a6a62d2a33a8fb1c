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
    <EntryFrame title="Welcome to Tocsin" lead="Create the first administrator account. One-time link.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={{ form: form.errors.form ?? form.errors.token }} />
          <TextInput label="Organization" description="Shown to customers in notices" autoFocus {...form.getInputProps('organization')} />
          <TextInput label="Your name" autoComplete="name" {...form.getInputProps('name')} />
          <TextInput label="Your email" type="email" autoComplete="username" {...form.getInputProps('email')} />
          <PasswordInput
            label="Password"
            description="At least 12 characters. Several unrelated words are easy to remember and hard to guess."
            autoComplete="new-password"
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={isBusy}>
            Create administrator
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  )
}
