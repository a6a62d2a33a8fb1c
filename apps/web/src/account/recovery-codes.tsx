import { Button, Code, CopyButton, Group, SimpleGrid, Stack, Text } from '@mantine/core'
import type { Me } from '@tocsin/api'
import { useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Section } from '../parts/page.tsx'

/** Codes that stand in for a lost second factor; shown when they are made, and never again. */
export function RecoveryCodes({ me }: { me: Me }) {
  const create = useCommand('createRecoveryCodes')
  const codes = create.data?.codes
  const hasSome = me.recoveryCodesLeft > 0
  const replace = () => {
    if (!hasSome) create.mutate({})
    else
      confirmed(
        { title: 'Create new recovery codes?', consequence: 'The codes that you have saved no longer work.', action: 'Create new codes', isDanger: true },
        () => create.mutate({}),
      )
  }
  return (
    <Section
      title="Recovery codes"
      actions={
        <Button size="xs" variant="default" loading={create.isPending} onClick={replace}>
          {hasSome ? 'Create new codes' : 'Create codes'}
        </Button>
      }
    >
      <Stack>
        <Text className="quiet">
          {hasSome
            ? `${me.recoveryCodesLeft} unused ${me.recoveryCodesLeft === 1 ? 'code' : 'codes'}. New codes replace them.`
            : 'No recovery codes. With one you can sign in if you lose your second factor.'}
        </Text>
        {codes ? (
          <Stack gap="sm">
            <Text fw={550}>Save these codes now. They are shown only once.</Text>
            <SimpleGrid cols={{ base: 1, sm: 2 }} spacing={6}>
              {codes.map(code => (
                <Code key={code}>{code}</Code>
              ))}
            </SimpleGrid>
            <Group>
              <CopyButton value={codes.join('\n')}>
                {({ copied, copy }) => (
                  <Button size="xs" variant="default" onClick={copy}>
                    {copied ? 'Copied' : 'Copy all'}
                  </Button>
                )}
              </CopyButton>
            </Group>
          </Stack>
        ) : null}
      </Stack>
    </Section>
  )
}
