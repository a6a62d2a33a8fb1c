import { MultiSelect, type MultiSelectProps, Select, type SelectProps } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import { includesRole } from '@tocsin/api'
import { type Reply, useApi } from '../api.ts'

interface Choice {
  readonly value: string
  readonly label: string
}

type People = Reply<'people'>['people'][number]

const mayRespond = ({ role }: People) => includesRole(role, 'responder')

/**
 * The people to choose from: whoever has an active account, and whoever is chosen already.
 * @param isOnCall they are to be on call or paged, which observers cannot be
 * @param isExecutive they are to be an executive sponsor
 */
export function usePersonChoices(chosen: readonly string[] = [], isOnCall = false, isExecutive = false): Choice[] {
  const people = useApi('people')
  return (people.data?.people ?? [])
    .filter(person => (person.isActive && (!isOnCall || mayRespond(person)) && (!isExecutive || person.isExecutive)) || chosen.includes(person.id))
    .map(person => ({
      value: person.id,
      label: `${person.name}${person.isActive ? (isOnCall && !mayRespond(person) ? ' (observer)' : '') : ' (deactivated)'}`,
    }))
}

function useServiceChoices(): Choice[] {
  const services = useApi('services')
  return (services.data ?? []).map(service => ({ value: service.id, label: service.name }))
}

/** What a field says that has nothing to choose from yet: not that nothing is chosen, or that there is nothing. */
export function placeholderOf({ data, isError }: Pick<UseQueryResult, 'data' | 'isError'>, noun: string, placeholder?: string): string | undefined {
  if (data !== undefined) return placeholder
  return isError ? `${noun} could not be loaded` : 'Loading…'
}

/** One person. @param without who is not to be chosen */
export function PersonSelect({
  without = [],
  isOnCall,
  isExecutive,
  ...props
}: Omit<SelectProps, 'data'> & { without?: readonly string[]; isOnCall?: boolean; isExecutive?: boolean }) {
  const choices = usePersonChoices(props.value ? [props.value] : [], isOnCall, isExecutive)
  const placeholder = placeholderOf(useApi('people'), 'People', props.placeholder)
  return <Select searchable data={choices.filter(({ value }) => !without.includes(value))} {...props} placeholder={placeholder} />
}

export function PersonMultiSelect({ isOnCall, ...props }: Omit<MultiSelectProps, 'data'> & { isOnCall?: boolean }) {
  const placeholder = placeholderOf(useApi('people'), 'People', props.placeholder)
  return <MultiSelect searchable data={usePersonChoices(props.value, isOnCall)} {...props} placeholder={placeholder} />
}

export function ServiceSelect(props: Omit<SelectProps, 'data'>) {
  const placeholder = placeholderOf(useApi('services'), 'Services', props.placeholder)
  return <Select searchable data={useServiceChoices()} {...props} placeholder={placeholder} />
}

export function ServiceMultiSelect(props: Omit<MultiSelectProps, 'data'>) {
  const placeholder = placeholderOf(useApi('services'), 'Services', props.placeholder)
  return <MultiSelect searchable data={useServiceChoices()} {...props} placeholder={placeholder} />
}
