import { Anchor, Button, Divider, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { IconFingerprint } from '@tabler/icons-react'
import { useLocation } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useApi } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormProblem, ProblemNote } from '../parts/page.tsx'
import { useMe } from '../session.ts'
import { EntryFrame } from './frame.tsx'
import { signInWithPasskey } from './passkeys.ts'
import { CodeForm, Enrol } from './second-factor.tsx'

/** Only a place of our own, as the browser itself reads it: a link from outside must not lead on to somewhere else. */
function placeOfOurs(to: string | undefined): string {
  const { origin } = window.location
  if (to === undefined || !URL.canParse(to, origin)) return '/'
  const url = new URL(to, origin)
  return url.origin === origin ? url.href : '/'
}

export function SignInPage() {
  const me = useMe()
  const asked = useApi('me')
  const search = useLocation({ select: location => location.search as { to?: string } })
  const status = useApi('status')
  const next = placeOfOurs(search.to)
  const goOn = () => window.location.assign(next)
  const [isRecovering, setIsRecovering] = useState(false)
  const isIn = me?.assurance === 'full'
  useEffect(() => {
    if (isIn) window.location.replace(next)
  }, [isIn, next])
  if (isIn || asked.isPending) return null
  if (me?.mustEnrol)
    return (
      <EntryFrame title="Second factor">
        <Enrol onDone={goOn} />
      </EntryFrame>
    )
  if (me)
    return (
      <EntryFrame
        title="Second factor"
        lead={`Enter ${isRecovering ? 'one of your recovery codes' : 'the code from your authenticator app'}, or use a passkey.`}
      >
        {isRecovering ? <RecoveryForm onDone={goOn} /> : <CodeForm route="giveOneTimeCode" onDone={goOn} />}
        <PasskeyButton onDone={goOn} />
        <Anchor component="button" size="sm" onClick={() => setIsRecovering(!isRecovering)}>
          {isRecovering ? 'Use the authenticator app' : 'Use a recovery code'}
        </Anchor>
      </EntryFrame>
    )
  return (
    <EntryFrame title="Sign in" lead={status.data?.organization || undefined}>
      {status.data && !status.data.isSetUp ? <Text>No accounts yet. Open the one-time link printed by the server at startup.</Text> : null}
      <PasswordForm onDone={() => window.location.reload()} />
      <Divider label="or" />
      <PasskeyButton onDone={goOn} />
      <Text size="sm" className="quiet">
        Seen something suspicious? <Anchor href="/report">Report it</Anchor>. No account needed.
      </Text>
    </EntryFrame>
  )
}

function PasswordForm({ onDone }: { onDone: () => void }) {
  const { form, submit, isBusy } = useRouteForm('signIn', { email: '', password: '' }, { onDone })
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <FormProblem errors={form.errors} />
        <TextInput label="Email" type="email" autoComplete="username" autoFocus {...form.getInputProps('email')} />
        <PasswordInput label="Password" autoComplete="current-password" {...form.getInputProps('password')} />
        <Button type="submit" loading={isBusy}>
          Sign in
        </Button>
        <Anchor href="/forgot-password" size="sm">
          Forgot password?
        </Anchor>
      </Stack>
    </form>
  )
}

/** One of the codes that stand in for a lost second factor. */
function RecoveryForm({ onDone }: { onDone: () => void }) {
  const { form, submit, isBusy } = useRouteForm('giveRecoveryCode', { code: '' }, { onDone })
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <FormProblem errors={form.errors} />
        <TextInput label="Recovery code" description="Each code works once" autoComplete="off" autoFocus {...form.getInputProps('code')} />
        <Button type="submit" loading={isBusy}>
          Continue
        </Button>
      </Stack>
    </form>
  )
}

function PasskeyButton({ onDone }: { onDone: () => void }) {
  const [problem, setProblem] = useState<string>()
  return (
    <Stack gap="xs">
      {problem ? <ProblemNote error={problem} /> : null}
      <Button
        variant="default"
        leftSection={<IconFingerprint size={18} />}
        onClick={() => signInWithPasskey().then(onDone, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)))}
      >
        Sign in with a passkey
      </Button>
    </Stack>
  )
}
