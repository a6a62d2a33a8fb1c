import { Checkbox, Stack, Text } from '@mantine/core'
import { type AlertFacets, severities } from '@tocsin/api'
import type { useApi } from '../api.ts'
import { Loaded } from '../parts/page.tsx'
import { hasTerm } from './selection.ts'

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

const rankOf = (severity: string) => severities.findIndex(name => name === severity)
/** The most frequent first, and severities the worst first. */
const inOrder = ({ field, values }: AlertFacets['facets'][number]) =>
  field === 'severity' ? values.toSorted((one, other) => rankOf(other.value) - rankOf(one.value)) : values

/** What the list holds, by field: a press adds a value to the filter, or takes it away. */
export function Facets({ query, filter, onToggle }: { query: ReturnType<typeof useApi<'alertFacets'>>; filter: string; onToggle: (term: string) => void }) {
  return (
    <Loaded query={query} rows={8}>
      {({ facets }) => (
        <Stack gap="md">
          {facets
            .filter(({ values }) => values.length > 0)
            .map(({ field, isCapped, ...facet }) => (
              <fieldset key={field} className="facet">
                <legend>
                  <Text span size="xs" fw={600} className="quiet">
                    {names[field]}
                  </Text>
                </legend>
                <Stack gap={2}>
                  {inOrder({ field, isCapped, ...facet })
                    .filter((value, place) => place < maxShown || hasTerm(filter, value.term))
                    .map(({ value, count, term }) => (
                      <Checkbox
                        key={term}
                        size="xs"
                        checked={hasTerm(filter, term)}
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
