import { Checkbox, Stack, Text } from '@mantine/core'
import type { AlertFacets } from '@tocsin/api'
import type { useApi } from '../api.ts'
import { Loaded } from '../parts/page.tsx'
import { termsOf } from './selection.ts'

const names: Readonly<Record<AlertFacets['facets'][number]['field'], string>> = {
  severity: 'Severity',
  status: 'Status',
  service: 'Service',
  source: 'Source',
  rule: 'Rule',
  host: 'Host',
  user: 'User',
  assignee: 'Assignee',
}
/** Values that a facet shows at first; the filter finds the others. */
const maxShown = 6

/** What the list holds, by field: a press adds a value to the filter, or takes it away. */
export function Facets({ query, filter, onToggle }: { query: ReturnType<typeof useApi<'alertFacets'>>; filter: string; onToggle: (term: string) => void }) {
  const terms = termsOf(filter)
  return (
    <Loaded query={query} rows={8}>
      {({ facets }) => (
        <Stack gap="md">
          {facets
            .filter(({ values }) => values.length > 0)
            .map(({ field, values, isCapped }) => (
              <fieldset key={field} className="facet">
                <legend>
                  <Text span size="xs" fw={600} className="quiet">
                    {names[field]}
                  </Text>
                </legend>
                <Stack gap={2}>
                  {values
                    .filter((value, place) => place < maxShown || terms.includes(value.term))
                    .map(({ value, count, term }) => (
                      <Checkbox
                        key={term}
                        size="xs"
                        checked={terms.includes(term)}
                        onChange={() => onToggle(term)}
                        label={
                          <span className="facet-value">
                            <span className="facet-name">{value === '' ? 'None' : value}</span>
                            <span className="quiet numeric">
                              {count.toLocaleString('en')}
                              {isCapped ? '+' : ''}
                            </span>
                          </span>
                        }
                      />
                    ))}
                </Stack>
              </fieldset>
            ))}
        </Stack>
      )}
    </Loaded>
  )
}
