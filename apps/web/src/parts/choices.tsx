import { MultiSelect, type MultiSelectProps, Select, type SelectProps } from '@mantine/core'
import { useApi } from '../api.ts'

interface Choice {
  readonly value: string
  readonly label: string
}

/** The people to choose from: whoever has an active account, and whoever is chosen already. */
export function usePersonChoices(chosen: readonly string[] = []): Choice[] {
  const people = useApi('people')
  return (people.data?.people ?? [])
    .filter(person => person.isActive || chosen.includes(person.id))
    .map(person => ({ value: person.id, label: person.isActive ? person.name : `${person.name} (deactivated)` }))
}

function useServiceChoices(): Choice[] {
  const services = useApi('services')
  return (services.data ?? []).map(service => ({ value: service.id, label: service.name }))
}

/** One person. @param without who is not to be chosen */
export function PersonSelect({ without = [], ...props }: Omit<SelectProps, 'data'> & { without?: readonly string[] }) {
  const choices = usePersonChoices(props.value ? [props.value] : [])
  return <Select searchable data={choices.filter(({ value }) => !without.includes(value))} {...props} />
}

export function PersonMultiSelect(props: Omit<MultiSelectProps, 'data'>) {
  return <MultiSelect searchable data={usePersonChoices(props.value)} {...props} />
}

export function ServiceSelect(props: Omit<SelectProps, 'data'>) {
  return <Select searchable data={useServiceChoices()} {...props} />
}

export function ServiceMultiSelect(props: Omit<MultiSelectProps, 'data'>) {
  return <MultiSelect searchable data={useServiceChoices()} {...props} />
}
