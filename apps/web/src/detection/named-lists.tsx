import { ActionIcon, Button, Group, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { type ReactNode, useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { Loaded, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'

interface NamedList {
  readonly name: string
  readonly values: readonly string[]
}

interface Words {
  /** What a name is, and what stands beside it. */
  readonly name: string
  readonly values: string
  readonly nameExample: string
  readonly valueExample: string
}

/** Where fields stand in the events of this organization. */
export function FieldMapping() {
  const mapping = useApi('fieldMapping')
  const save = useCommand('changeFieldMapping', { done: 'Field mapping saved. It applies from the next batch.' })
  return (
    <NamedLists
      title="Field mapping"
      lists={mapping}
      shape={found => found.map(({ field, paths }) => ({ name: field, values: paths }))}
      words={{ name: 'Field', values: 'maps to', nameExample: 'DestinationIp', valueExample: 'myapp.client.ip' }}
      isSaving={save.isPending}
      onSave={lists => save.mutate({ body: { fields: lists.map(({ name, values }) => ({ field: name, paths: [...values] })) } })}
    >
      Rules use Sigma field names. Map a field to its path in your events, with keys joined by dots.
    </NamedLists>
  )
}

/** What the placeholders of rules stand for here. */
export function Placeholders() {
  const placeholders = useApi('placeholders')
  const save = useCommand('changePlaceholders', { done: 'Placeholders saved. Rules that use them can now be imported.' })
  return (
    <NamedLists
      title="Rule placeholders"
      lists={placeholders}
      shape={found => found}
      words={{ name: 'Placeholder', values: 'values', nameExample: 'Admins_Workstations', valueExample: 'ADM-*' }}
      isSaving={save.isPending}
      onSave={lists => save.mutate({ body: { placeholders: lists.map(({ name, values }) => ({ name, values: [...values] })) } })}
    >
      Some rules use placeholders, such as %Admins_Workstations%. A rule whose placeholder has no value is rejected.
    </NamedLists>
  )
}

function NamedLists<Reply>({
  title,
  children,
  lists,
  shape,
  ...rest
}: {
  title: string
  children: ReactNode
  lists: Parameters<typeof Loaded<Reply>>[0]['query']
  shape: (reply: Reply) => readonly NamedList[]
  words: Words
  isSaving: boolean
  onSave: (lists: readonly NamedList[]) => void
}) {
  return (
    <Section title={title}>
      <Text size="sm" className="quiet" mb="sm">
        {children}
      </Text>
      <Loaded query={lists} rows={1}>
        {found => <Editor key={JSON.stringify(found)} lists={shape(found)} {...rest} />}
      </Loaded>
    </Section>
  )
}

function Editor({
  lists,
  words,
  isSaving,
  onSave,
}: {
  lists: readonly NamedList[]
  words: Words
  isSaving: boolean
  onSave: (lists: readonly NamedList[]) => void
}) {
  const mayWrite = useMay('lead')
  const [rows, setRows] = useState(lists)
  const change = (place: number, row: NamedList) => setRows(rows.map((old, i) => (i === place ? row : old)))
  const isChanged = JSON.stringify(rows) !== JSON.stringify(lists)
  const isWhole = rows.every(({ name, values }) => name.trim() !== '' && values.length > 0)
  return (
    <Stack gap="sm">
      {rows.map((row, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place while its name is typed
        <Group key={place} gap="sm" align="flex-start" wrap="nowrap">
          <TextInput
            aria-label={words.name}
            placeholder={words.nameExample}
            value={row.name}
            disabled={!mayWrite}
            onChange={event => change(place, { ...row, name: event.currentTarget.value })}
            w={{ base: 130, sm: 220 }}
          />
          <TagsInput
            aria-label={`${row.name || words.name} ${words.values}`}
            placeholder={row.values.length === 0 ? words.valueExample : ''}
            value={[...row.values]}
            disabled={!mayWrite}
            onChange={values => change(place, { ...row, values })}
            style={{ flex: 1, minWidth: 0 }}
          />
          {mayWrite ? (
            <ActionIcon variant="default" size={36} aria-label={`Remove ${row.name}`} onClick={() => setRows(rows.filter((_, i) => i !== place))}>
              <IconTrash size={16} />
            </ActionIcon>
          ) : null}
        </Group>
      ))}
      {mayWrite ? (
        <Group gap="sm">
          <Button size="xs" variant="default" onClick={() => setRows([...rows, { name: '', values: [] }])}>
            Add {words.name.toLowerCase()}
          </Button>
          {isChanged ? (
            <Button size="xs" disabled={!isWhole} loading={isSaving} onClick={() => onSave(rows)}>
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
