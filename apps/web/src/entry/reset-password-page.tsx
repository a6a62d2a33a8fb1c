import { Anchor, Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useRouteForm } from '../forms.ts'
import { FormProblem } from '../parts/page.tsx'
import { EntryFrame } from './frame.tsx'

/** Asks for a link to set a new password. */
export function ForgotPasswordPage() {
  const [isSent, setIsSent] = useState(false)
  const { form, submit, isBusy } = useRouteForm('requestPasswordReset', { email: '' }, { onDone: () => setIsSent(true) })
  if (isSent)
    return (
      <EntryFrame title="Check your email">
        <Text>If {form.values.email} has an account, a link to set a new password is on its way. It works once, within 30 minutes.</Text>
        <Anchor href="/sign-in">Back to sign-in</Anchor>
      </EntryFrame>
    )
  return (
    <EntryFrame title="Forgot password" lead="We email you a link to set a new one. Your second factor stays as it is.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={form.errors} />
          <TextInput label="Email" type="email" autoComplete="username" autoFocus {...form.getInputProps('email')} />
          <Button type="submit" loading={isBusy}>
            Send link
          </Button>
          <Anchor href="/sign-in" size="sm">
            Back to sign-in
          </Anchor>
        </Stack>
      </form>
    </EntryFrame>
  )
}

/** Sets a new password by the link. */
export function ResetPasswordPage() {
  const { token } = useParams({ strict: false }) as { token: string }
  const { form, submit, isBusy } = useRouteForm('resetPassword', { token, password: '' }, { onDone: () => window.location.assign('/sign-in') })
  return (
    <EntryFrame title="Set a new password" lead="You will be signed out everywhere, and sign in again with the new password and your second factor.">
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <FormProblem errors={{ form: form.errors.form ?? form.errors.token }} />
          <PasswordInput
            label="New password"
            description="At least 12 characters. Several unrelated words are easy to remember and hard to guess."
            autoComplete="new-password"
            autoFocus
            {...form.getInputProps('password')}
          />
          <Button type="submit" loading={isBusy}>
            Set password
          </Button>
          <Anchor href="/forgot-password" size="sm">
            Ask for a new link
          </Anchor>
        </Stack>
      </form>
    </EntryFrame>
  )
}
