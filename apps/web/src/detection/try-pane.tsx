import { Badge, Button, Code, Group, SegmentedControl, Stack, Text, Textarea } from '@mantine/core'
import { IconCheck, IconX } from '@tabler/icons-react'
import type { TriedEvent } from '@tocsin/api'
import { useState } from 'react'
import { type Reply, useCommand } from '../api.ts'
import { Empty, ProblemNote, Section } from '../parts/page.tsx'

/** Tries a rule on events, and shows condition by condition why each is met or not. */
export function TryPane({ text }: { text: string }) {
  const [from, setFrom] = useState<'recent' | 'pasted'>('recent')
  const [pasted, setPasted] = useState('')
  const attempt = useCommand('tryDetectionRule', { isQuiet: true })
  const run = () => attempt.mutate({ body: { text, events: from === 'recent' ? null : pasted } })
  return (
    <Section
      title="Test rule"
      actions={
        <Group gap="xs">
          <SegmentedControl
            aria-label="Events to try"
            size="xs"
            value={from}
            onChange={value => setFrom(value === 'pasted' ? 'pasted' : 'recent')}
            data={[
              { value: 'recent', label: 'Latest events' },
              { value: 'pasted', label: 'Pasted' },
            ]}
          />
          <Button size="xs" loading={attempt.isPending} disabled={text.trim() === '' || (from === 'pasted' && pasted.trim() === '')} onClick={run}>
            Test
          </Button>
        </Group>
      }
    >
      <Stack gap="sm">
        {from === 'pasted' ? (
          <Textarea
            aria-label="Events (one JSON object per line)"
            placeholder={'{"Channel": "Security", "EventID": 4625}'}
            autosize
            minRows={3}
            maxRows={10}
            value={pasted}
            onChange={event => setPasted(event.currentTarget.value)}
            styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
          />
        ) : null}
        {attempt.error ? <ProblemNote error={attempt.error} /> : null}
        {attempt.data ? <Results data={attempt.data} /> : <Empty title="No test results yet">Tests the rule in the editor. Nothing is saved.</Empty>}
      </Stack>
    </Section>
  )
}

const maxTried = 20

function Results({ data }: { data: Reply<'tryDetectionRule'> }) {
  if (data.problems.length > 0) return <ProblemNote error={data.problems.map(({ line, reason }) => `Line ${line}: ${reason}.`).join(' ')} />
  if (data.judged === 0) return <Empty title="No recent events">Add a log source, or paste events.</Empty>
  return (
    <Stack gap="sm" aria-live="polite">
      <Text size="sm">
        <strong>{data.met}</strong> of {data.judged} events matched.
        {data.given > data.judged ? ` Only the first ${data.judged} of ${data.given} events were tested.` : ''}
      </Text>
      {data.events.slice(0, maxTried).map(event => (
        <Tried key={event.line} tried={event} isOpen={event.isMet || data.events.length === 1} />
      ))}
      {data.judged > maxTried ? (
        <Text size="sm" className="quiet">
          {maxTried} of {data.judged} events are shown, matches first.
        </Text>
      ) : null}
    </Stack>
  )
}

function Mark({ isMet }: { isMet: boolean }) {
  return isMet ? (
    <IconCheck size={15} role="img" aria-label="met" style={{ color: 'light-dark(#08614c, #8ce8cf)', flexShrink: 0, marginTop: 2 }} />
  ) : (
    <IconX size={15} role="img" aria-label="not matched" style={{ color: 'var(--mantine-color-error)', flexShrink: 0, marginTop: 2 }} />
  )
}

function Tried({ tried, isOpen }: { tried: TriedEvent; isOpen: boolean }) {
  const why = tried.problem ?? (tried.isRead ? undefined : 'Not from the log source that the rule reads.')
  return (
    <details open={isOpen} className="tried">
      <summary>
        <Mark isMet={tried.isMet} /> Event {tried.line} {tried.isMet ? 'matched' : 'not matched'}
      </summary>
      <Stack gap={8} pt={8}>
        {why ? (
          <Text size="sm" className="quiet">
            {why}
          </Text>
        ) : null}
        {tried.conditions.map(condition => (
          <Group key={condition.text} gap={6} wrap="nowrap" align="flex-start">
            <Mark isMet={condition.isMet} />
            <Code>{condition.text}</Code>
          </Group>
        ))}
        {tried.identifiers.map(identifier => (
          <div key={identifier.name} className="tried-identifier">
            <Group gap={6} wrap="nowrap">
              <Mark isMet={identifier.isMet} />
              <Text size="sm" fw={600}>
                {identifier.name}
              </Text>
            </Group>
            {identifier.alternatives.map((alternative, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: alternatives have no name but their place.
              <Stack key={place} gap={4} pl={21} pt={4}>
                {place > 0 ? <Badge variant="outline">or</Badge> : null}
                {alternative.items.map(item => (
                  <Group key={`${item.key} ${item.wanted.join()}`} gap={6} wrap="nowrap" align="flex-start">
                    <Mark isMet={item.isMet} />
                    <div className="mono">
                      {item.key === '' ? 'keyword' : item.key}: {item.wanted.slice(0, 4).join(' | ')}
                      {item.wanted.length > 4 ? ` … ${item.wanted.length - 4} more` : ''}
                      <div className="quiet">
                        {item.key.split('|')[0] === ''
                          ? 'searched in the whole event'
                          : item.found === null
                            ? 'field not in the event'
                            : `the event has: ${item.found.join(', ')}`}
                      </div>
                    </div>
                  </Group>
                ))}
              </Stack>
            ))}
          </div>
        ))}
        <details>
          <summary className="quiet">Event</summary>
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {pretty(tried.event)}
          </Code>
        </details>
      </Stack>
    </details>
  )
}

/** JSON laid out to be read; what is none stays as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
