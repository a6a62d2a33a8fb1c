import { Button, Code, CopyButton, Divider, Group, Stack, Text, TextInput } from '@mantine/core'
import { IconDeviceMobile, IconFingerprint } from '@tabler/icons-react'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { FormProblem, ProblemNote } from '../parts/page.tsx'
import { enrolPasskey } from './passkeys.ts'

export const deviceName = () => (/Android|iPhone|iPad/.test(navigator.userAgent) ? 'Phone' : 'Computer')

/** The code of an authenticator app. */
export function CodeForm({ route, onDone }: { route: 'giveOneTimeCode' | 'confirmTotp'; onDone: () => void }) {
  const { form, submit, isBusy } = useRouteForm(route, { code: '' }, { onDone })
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <FormProblem errors={form.errors} />
        <TextInput
          label="Six-digit code"
          autoComplete="one-time-code"
          inputMode="numeric"
          maxLength={20}
          autoFocus
          styles={{ input: { fontVariantNumeric: 'tabular-nums', letterSpacing: '0.2em' } }}
          {...form.getInputProps('code')}
        />
        <Button type="submit" loading={isBusy}>
          Continue
        </Button>
      </Stack>
    </form>
  )
}

/** Choosing the second factor that every account has: a passkey, or an authenticator app. */
export function Enrol({ onDone }: { onDone: () => void }) {
  const [totp, setTotp] = useState<{ secret: string; picture: string | undefined }>()
  const [problem, setProblem] = useState<string>()
  const start = useCommand('startTotp', {
    onDone: reply => {
      // Without the picture the code can be typed.
      const picture = import('qrcode').then(({ toDataURL }) => toDataURL(reply.uri, { margin: 1, width: 190 })).catch(() => undefined)
      void picture.then(found => setTotp({ secret: reply.secret, picture: found }))
    },
  })
  if (totp)
    return (
      <Stack>
        <Text>Scan the QR code with an authenticator app, then enter the code.</Text>
        <Group justify="center">
          {totp.picture === undefined ? null : (
            <img src={totp.picture} alt="QR code with the secret for the authenticator app" width={190} height={190} style={{ borderRadius: 8 }} />
          )}
        </Group>
        <CopyButton value={totp.secret}>
          {({ copied, copy }) => (
            <Group gap={6} justify="center">
              <Code>{totp.secret}</Code>
              <Button size="compact-xs" variant="subtle" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            </Group>
          )}
        </CopyButton>
        <CodeForm route="confirmTotp" onDone={onDone} />
      </Stack>
    )
  return (
    <Stack>
      <Text>Every account needs a second factor. Choose one; you can add more later.</Text>
      {problem ? <ProblemNote error={problem} /> : null}
      <Button
        size="md"
        leftSection={<IconFingerprint size={20} />}
        onClick={() => {
          enrolPasskey(deviceName()).then(onDone, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)))
        }}
      >
        Use a passkey
      </Button>
      <Divider label="or" />
      <Button size="md" variant="default" leftSection={<IconDeviceMobile size={20} />} loading={start.isPending} onClick={() => start.mutate({})}>
        Use an authenticator app
      </Button>
    </Stack>
  )
}
