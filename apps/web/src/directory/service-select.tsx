import { Select, type SelectProps } from '@mantine/core'
import { useApi } from '../api.ts'

/** Chooses a service of the catalog; empty for none. */
export function ServiceSelect(props: Omit<SelectProps, 'data'>) {
  const services = useApi('services')
  return (
    <Select
      searchable
      clearable
      nothingFoundMessage="No such service. Add it under Services"
      data={(services.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
      error={services.isError ? 'Services could not be loaded' : undefined}
      {...props}
    />
  )
}
