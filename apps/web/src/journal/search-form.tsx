import { Autocomplete, Button, Collapse, Group, Paper, Pill, SimpleGrid, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { type FormEvent, useEffect, useState } from 'react'
import { PersonSelect } from '../parts/choices.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { type JournalSearch, journalSearch } from './journal-search.ts'

const localOf = (at: string | undefined) => (at === undefined || Number.isNaN(Date.parse(at)) ? '' : toLocalInput(new Date(at)))

/** @param types to choose from; others can be typed */
export function SearchForm({ search, types, onSearch }: { search: JournalSearch; types: readonly string[]; onSearch: (search: JournalSearch) => void }) {
  const [wanted, setWanted] = useState(search)
  const { text: _, ...others } = search
  const isNarrowed = Object.keys(others).length > 0
  const [isOpen, setIsOpen] = useState(isNarrowed)
  // Another search was begun elsewhere on the page, or by going back: what it looks for is shown.
  useEffect(() => {
    setWanted(search)
    if (isNarrowed) setIsOpen(true)
  }, [search, isNarrowed])
  const set = (name: keyof JournalSearch, value: string | null) => setWanted(before => ({ ...before, [name]: value ?? '' }))
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onSearch(journalSearch({ ...wanted }))
  }
  const hidden = (['subject', 'incident'] as const).filter(name => search[name] !== undefined)
  return (
    <Paper component="form" role="search" aria-label="Audit log" p="md" onSubmit={submit}>
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <TextInput
          style={{ flex: 1 }}
          type="search"
          label="Names and titles"
          leftSection={<IconSearch size={16} />}
          value={wanted.text ?? ''}
          onChange={event => set('text', event.currentTarget.value)}
        />
        <Button type="submit">Search</Button>
      </Group>
      <Group gap="xs" mt="xs">
        <Button size="compact-sm" variant="default" aria-expanded={isOpen} aria-controls="journal-filters" onClick={() => setIsOpen(!isOpen)}>
          {isOpen ? 'Fewer filters' : 'More filters'}
        </Button>
        {Object.keys(search).length > 0 ? (
          <Button size="compact-sm" variant="subtle" onClick={() => onSearch({})}>
            Clear filters
          </Button>
        ) : null}
        {hidden.map(name => (
          <Pill
            key={name}
            withRemoveButton
            removeButtonProps={{ 'aria-label': `Remove the filter by ${name}`, 'aria-hidden': false, tabIndex: 0 }}
            onRemove={() => onSearch(journalSearch({ ...search, [name]: '' }))}
          >
            {name} {search[name]}
          </Pill>
        ))}
      </Group>
      <Collapse expanded={isOpen} id="journal-filters">
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} mt="sm">
          <Autocomplete label="Type" placeholder="sign-in.refused" data={[...types]} value={wanted.type ?? ''} onChange={value => set('type', value)} />
          <PersonSelect label="Person" clearable value={wanted.actor ?? null} onChange={value => set('actor', value)} />
          <TextInput label="IP address" value={wanted.address ?? ''} onChange={event => set('address', event.currentTarget.value)} />
          <TextInput
            label="From"
            type="datetime-local"
            value={localOf(wanted.from)}
            onChange={event => set('from', fromLocalInput(event.currentTarget.value))}
          />
          <TextInput label="Until" type="datetime-local" value={localOf(wanted.to)} onChange={event => set('to', fromLocalInput(event.currentTarget.value))} />
        </SimpleGrid>
      </Collapse>
    </Paper>
  )
}
