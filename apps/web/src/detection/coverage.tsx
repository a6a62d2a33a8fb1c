import { Group, Paper, Stack, Text, VisuallyHidden } from '@mantine/core'
import { useApi } from '../api.ts'
import { Loaded } from '../parts/page.tsx'

const words = (tactic: string) => tactic.replaceAll('-', ' ').replace(/^./, first => first.toUpperCase())

/** ATT&CK as a matrix: what enabled rules detect, and whether the logs for it come in. */
export function Coverage() {
  const coverage = useApi('detectionCoverage')
  return (
    <Loaded query={coverage}>
      {({ tactics, rules, fedRules }) => (
        <Stack gap="sm">
          <Group gap="lg">
            <Text size="sm">
              {fedRules} of {rules} enabled rules have a log source that is receiving data.
            </Text>
            <Group gap={6}>
              <span className="matrix-key" data-fed="all" />
              <Text size="sm">Receiving data</Text>
              <span className="matrix-key" data-fed="none" />
              <Text size="sm">No data</Text>
            </Group>
          </Group>
          <Paper>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways must be reachable by keys. */}
            <section className="matrix" aria-label="Techniques by tactic" tabIndex={0}>
              {tactics
                .filter(({ techniques }) => techniques.length > 0)
                .map(({ tactic, techniques }) => (
                  <div key={tactic} className="matrix-column">
                    <Text size="sm" fw={620} mb={6}>
                      {words(tactic)}
                    </Text>
                    {techniques.map(({ id, rules: count, fed }) => (
                      <a
                        key={id}
                        className="matrix-cell"
                        data-fed={fed > 0 ? 'all' : 'none'}
                        href={`https://attack.mitre.org/techniques/${id.replace('.', '/')}/`}
                        target="_blank"
                        rel="noopener noreferrer"
                      >
                        <span>{id}</span>
                        <span className="numeric">
                          {count}
                          <VisuallyHidden>{` ${count === 1 ? 'rule' : 'rules'}, ${fed} receiving data`}</VisuallyHidden>
                        </span>
                      </a>
                    ))}
                  </div>
                ))}
            </section>
          </Paper>
        </Stack>
      )}
    </Loaded>
  )
}
