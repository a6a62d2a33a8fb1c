import { ActionIcon, Button, Group, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { useAct, useApi } from '../api.ts'
import { Loaded, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

type Mapping = readonly { readonly field: string; readonly paths: readonly string[] }[]

/** Where fields stand in the events of this organisation. */
export function FieldMapping() {
  const mapping = useApi('fieldMapping')
  return (
    <Section title="Fields of your own events">
      <Text size="sm" className="quiet" mb="sm">
        Rules name fields as Sigma does. Where your events write one in a place that Tocsin does not know, say where: keys joined by dots, such as
        myapp.client.ip.
      </Text>
      <Loaded query={mapping} rows={1}>
        {found => <MappingForm key={JSON.stringify(found)} mapping={found} />}
      </Loaded>
    </Section>
  )
}

function MappingForm({ mapping }: { mapping: Mapping }) {
  const mayWrite = useMay('lead')
  const [rows, setRows] = useState<{ field: string; paths: string[] }[]>(mapping.map(({ field, paths }) => ({ field, paths: [...paths] })))
  const save = useAct('changeFieldMapping', { done: 'Saved. Rules read your events so from the next batch on.' })
  const change = (place: number, row: { field: string; paths: string[] }) => setRows(rows.map((old, i) => (i === place ? row : old)))
  const isChanged = JSON.stringify(rows) !== JSON.stringify(mapping)
  const isWhole = rows.every(({ field, paths }) => field.trim() !== '' && paths.length > 0)
  return (
    <Stack gap="sm">
      {rows.map((row, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place while its name is typed
        <Group key={place} gap="sm" align="flex-start" wrap="nowrap" className="mapping-row">
          <TextInput
            aria-label="Field"
            placeholder="DestinationIp"
            value={row.field}
            disabled={!mayWrite}
            onChange={event => change(place, { ...row, field: event.currentTarget.value })}
            w={{ base: 130, sm: 220 }}
          />
          <TagsInput
            aria-label={`Where ${row.field || 'it'} stands`}
            placeholder={row.paths.length === 0 ? 'myapp.client.ip' : ''}
            value={row.paths}
            disabled={!mayWrite}
            onChange={paths => change(place, { ...row, paths })}
            style={{ flex: 1, minWidth: 0 }}
          />
          {mayWrite ? (
            <ActionIcon variant="default" size={36} aria-label={`Remove ${row.field}`} onClick={() => setRows(rows.filter((_, i) => i !== place))}>
              <IconTrash size={16} />
            </ActionIcon>
          ) : null}
        </Group>
      ))}
      {mayWrite ? (
        <Group gap="sm">
          <Button size="xs" variant="default" onClick={() => setRows([...rows, { field: '', paths: [] }])}>
            Add a field
          </Button>
          {isChanged ? (
            <Button size="xs" disabled={!isWhole} loading={save.isPending} onClick={() => save.mutate({ body: { fields: rows } })}>
              Save
            </Button>
          ) : null}
        </Group>
      ) : rows.length === 0 ? (
        <Text size="sm">None.</Text>
      ) : null}
    </Stack>
  )
}
