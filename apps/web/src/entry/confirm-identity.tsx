import { Button, Divider, Group, PasswordInput, Stack, Text } from '@mantine/core'
import { IconFingerprint } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useRouteForm } from '../forms.ts'
import { askWith } from '../identity.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormProblem, ProblemNote } from '../parts/page.tsx'
import { confirmWithPasskey } from './passkeys.ts'

/** The dialog that asks for a factor before an action that changes who can sign in. */
export function ConfirmIdentity() {
  const [isOpen, setIsOpen] = useState(false)
  const settle = useRef<(isConfirmed: boolean) => void>(undefined)
  useEffect(
    () =>
      askWith(
        () =>
          new Promise(resolve => {
            settle.current = resolve
            setIsOpen(true)
          }),
      ),
    [],
  )
  const close = (isConfirmed: boolean) => {
    setIsOpen(false)
    settle.current?.(isConfirmed)
  }
  return isOpen ? <Question onClose={close} /> : null
}

function Question({ onClose }: { onClose: (isConfirmed: boolean) => void }) {
  const { form, submit, isBusy } = useRouteForm('reauthenticate', { password: '' }, { onDone: () => onClose(true) })
  const [problem, setProblem] = useState<string>()
  return (
    <Dialog onClose={() => onClose(false)} title="Confirm your identity" zIndex={400}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">This changes who can sign in. Confirm that it is you.</Text>
          <FormProblem errors={form.errors} />
          <PasswordInput label="Password" autoComplete="current-password" data-autofocus {...form.getInputProps('password')} />
          <Group justify="flex-end">
            <Button variant="default" onClick={() => onClose(false)}>
              Cancel
            </Button>
            <Button type="submit" loading={isBusy}>
              Confirm
            </Button>
          </Group>
          <Divider label="or" />
          {problem ? <ProblemNote error={problem} /> : null}
          <Button
            variant="default"
            leftSection={<IconFingerprint size={18} />}
            onClick={() =>
              confirmWithPasskey().then(
                () => onClose(true),
                (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
              )
            }
          >
            Use a passkey
          </Button>
        </Stack>
      </form>
    </Dialog>
  )
}
