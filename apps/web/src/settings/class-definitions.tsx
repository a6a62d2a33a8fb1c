import { Anchor, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import type { IncidentClass } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { FormProblem, Loaded, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

interface Definition {
  class: IncidentClass
  name: string
  text: string
  version: number
  changedBy: string
}

/** What the organization means by each class. Every version is kept. */
export function ClassDefinitions() {
  const definitions = useApi('classDefinitions')
  const isAdministrator = useMay('administrator')
  const [edited, setEdited] = useState<string>()
  return (
    <Section title="Incident classes" isFlush>
      <Loaded query={definitions}>
        {list =>
          list.map(definition => (
            <div key={definition.class} className="list-row">
              <Group justify="space-between" align="flex-start" wrap="nowrap">
                <Text fw={550}>{definition.name}</Text>
                {isAdministrator && edited !== definition.class ? (
                  <Anchor component="button" size="sm" onClick={() => setEdited(definition.class)}>
                    Edit
                  </Anchor>
                ) : null}
              </Group>
              {edited === definition.class ? (
                <DefinitionForm definition={definition} onClose={() => setEdited(undefined)} />
              ) : (
                <>
                  <Text size="sm" className="prewrap">
                    {definition.text}
                  </Text>
                  <Text size="xs" className="quiet" mt={2}>
                    Version {definition.version}, by {definition.changedBy}
                  </Text>
                </>
              )}
            </div>
          ))
        }
      </Loaded>
    </Section>
  )
}

function DefinitionForm({ definition, onClose }: { definition: Definition; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('defineClass', definition, ({ text }) => ({ text }), {
    around: () => ({ params: { class: definition.class } }),
    done: 'New version saved.',
    onDone: onClose,
  })
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm" mt={6}>
        <FormProblem errors={form.errors} newer={newer} />
        <Textarea aria-label={`Definition: ${definition.name}`} autosize minRows={3} {...form.getInputProps('text')} />
        <Group justify="flex-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button size="xs" type="submit" loading={isBusy}>
            Save new version
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
