import { Button, Group, Select, Stack, Text } from '@mantine/core'
import { type SegregationPolicy, segregationModes } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { FormProblem, Loaded, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

const pairs = [
  { name: 'declareLower', label: 'Declare, and approve a lower class or severity or a stand-down' },
  { name: 'containClose', label: 'Contain and close' },
  { name: 'recoverVerify', label: 'Recover, and verify the recovery' },
  { name: 'writeFinish', label: 'Write a review, and finish it' },
] as const
const modeLabels: Record<(typeof segregationModes)[number], string> = {
  block: 'Blocked: takes two people',
  review: 'Somebody else reviews it',
  off: 'One person may do both',
}

/** What one person may not do both of in an incident. */
export function Segregation() {
  const policy = useApi('segregationPolicy')
  return (
    <Section title="Segregation of duties">
      <Loaded query={policy}>{found => <PolicyForm policy={found} />}</Loaded>
    </Section>
  )
}

function PolicyForm({ policy }: { policy: SegregationPolicy }) {
  const isAdministrator = useMay('administrator')
  const { form, submit, isBusy, newer, hold } = useRecordForm(
    'setSegregationPolicy',
    policy,
    ({ declareLower, containClose, recoverVerify, writeFinish }) => ({
      declareLower: declareLower as string,
      containClose: containClose as string,
      recoverVerify: recoverVerify as string,
      writeFinish: writeFinish as string,
    }),
    { done: 'Saved.', onDone: saved => hold(saved) },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <FormProblem errors={form.errors} newer={newer} />
        {pairs.map(({ name, label }) => (
          <Select
            key={name}
            label={label}
            data={segregationModes.map(value => ({ value, label: modeLabels[value] }))}
            allowDeselect={false}
            disabled={!isAdministrator}
            maw={460}
            {...form.getInputProps(name)}
          />
        ))}
        <Text size="sm" className="quiet">
          A notice is always approved by somebody other than its author. A privacy breach or customer-reportable incident is never closed by the person who
          contained it alone.
        </Text>
        {isAdministrator ? (
          <Group>
            <Button type="submit" variant="default" loading={isBusy}>
              Save
            </Button>
          </Group>
        ) : null}
      </Stack>
    </form>
  )
}
