import { Badge, Button, Group, Paper, SegmentedControl, Stack, Switch, Tabs, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { Link, useNavigate } from '@tanstack/react-router'
import { type DetectionRule, levelSeverities } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { SeverityBadge } from '../parts/badges.tsx'
import { lazyPart } from '../parts/lazy-page.tsx'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { DeadLetters, LogSources } from './log-sources.tsx'
import { FieldMapping, Placeholders } from './named-lists.tsx'
import { originWords, techniquesOf } from './words.ts'

const Coverage = lazyPart(async () => (await import('./coverage.tsx')).Coverage)
const ImportRules = lazyPart(async () => (await import('./import-rules.tsx')).ImportRules)
const Indicators = lazyPart(async () => (await import('./indicators.tsx')).Indicators)

const tabs = ['rules', 'indicators', 'coverage', 'sources'] as const

export function DetectionPage() {
  const mayWrite = useMay('lead')
  const navigate = useNavigate()
  const asked = new URLSearchParams(window.location.search).get('tab')
  const [tab, setTab] = useState<(typeof tabs)[number]>(tabs.find(known => known === asked) ?? 'rules')
  return (
    <Page
      title="Detection"
      lead={<Standing />}
      actions={
        mayWrite ? (
          <>
            <ImportRules />
            <Button onClick={() => void navigate({ to: '/detection/new' })}>New rule</Button>
          </>
        ) : null
      }
    >
      <Tabs value={tab} onChange={value => setTab(tabs.find(known => known === value) ?? 'rules')} keepMounted={false}>
        <Tabs.List mb="md" className="tabs-in-a-row">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="indicators">Indicators</Tabs.Tab>
          <Tabs.Tab value="coverage">Coverage</Tabs.Tab>
          <Tabs.Tab value="sources">Log sources</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <Rules />
        </Tabs.Panel>
        <Tabs.Panel value="indicators">
          <Indicators />
        </Tabs.Panel>
        <Tabs.Panel value="coverage">
          <Coverage />
        </Tabs.Panel>
        <Tabs.Panel value="sources">
          <Stack>
            <LogSources />
            <DeadLetters />
            <FieldMapping />
            <Placeholders />
          </Stack>
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}

function Standing() {
  const status = useApi('detectionStatus')
  if (status.data === undefined) return 'Sigma rules run on your logs as they arrive.'
  const { rules, indicators, waitingBatches, deadLetters, isCompiling } = status.data
  return (
    <>
      {rules} rules enabled{indicators > 0 ? `, ${indicators.toLocaleString()} ${indicators === 1 ? 'indicator' : 'indicators'}` : ''}
      {isCompiling ? ', applying changes' : ''}
      {waitingBatches > 0 ? `, ${waitingBatches} queued batches` : ''}
      {deadLetters > 0 ? `, ${deadLetters} rejected ${deadLetters === 1 ? 'line' : 'lines'}` : ''}.
    </>
  )
}

function Rules() {
  const [typed, setTyped] = useState('')
  const [search] = useDebouncedValue(typed, 250)
  const [view, setView] = useState('all')
  const rules = usePages<DetectionRule>('detectionRules', { search, view })
  return (
    <Stack gap="sm">
      <Group justify="space-between" gap="sm">
        <TextInput
          aria-label="Search rules"
          placeholder="Title, technique or id"
          leftSection={<IconSearch size={15} />}
          value={typed}
          onChange={event => setTyped(event.currentTarget.value)}
          w={{ base: '100%', sm: 320 }}
        />
        <SegmentedControl
          aria-label="View"
          value={view}
          onChange={setView}
          data={[
            { value: 'all', label: 'All' },
            { value: 'enabled', label: 'Enabled' },
            { value: 'disabled', label: 'Disabled' },
            { value: 'matching', label: 'Matched' },
          ]}
        />
      </Group>
      <Paper>
        <Loaded query={rules}>
          {() =>
            rules.items?.length === 0 ? (
              <Empty title="No matching rules">Change the search, write a rule, or import the SigmaHQ rules as an archive.</Empty>
            ) : (
              rules.items?.map(rule => <RuleRow key={rule.id} rule={rule} />)
            )
          }
        </Loaded>
      </Paper>
      {rules.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={rules.isFetchingNextPage} onClick={() => void rules.fetchNextPage()}>
            Show more
          </Button>
        </Group>
      ) : null}
    </Stack>
  )
}

function RuleRow({ rule }: { rule: DetectionRule }) {
  const mayWrite = useMay('lead')
  const enable = useCommand('enableDetectionRule')
  const source = [rule.logsource.product, rule.logsource.category, rule.logsource.service].filter(Boolean).join(' / ')
  return (
    <Group className="list-row" gap="sm" wrap="nowrap" align="flex-start">
      {rule.level === null ? <Badge miw={68}>exception</Badge> : <SeverityBadge severity={levelSeverities[rule.level]} />}
      <div style={{ minWidth: 0, flex: 1 }}>
        <Link to="/detection/rules/$id" params={{ id: rule.id }} className="row-link">
          {rule.title}
        </Link>
        <Group gap={6} mt={2}>
          <Text size="sm" className="quiet" component="div">
            {[rule.kind === 'rule' ? source : rule.kind, originWords[rule.origin]].filter(Boolean).join(' · ')}
            {rule.lastMatchAt ? (
              <>
                {' '}
                · {rule.matches} {rule.matches === 1 ? 'match' : 'matches'}, last <Time at={rule.lastMatchAt} isRelative />
              </>
            ) : (
              ' · no matches'
            )}
            {rule.falsePositiveShare === null ? '' : ` · ${Math.round(rule.falsePositiveShare * 100)}% false positives`}
            {rule.expiresAt ? (
              <>
                {' '}
                · ends <Time at={rule.expiresAt} isRelative />
              </>
            ) : null}
          </Text>
          {techniquesOf(rule.tags).map(technique => (
            <Badge key={technique} variant="default">
              {technique}
            </Badge>
          ))}
        </Group>
      </div>
      <Switch
        aria-label={`${rule.title} is enabled`}
        checked={rule.isEnabled}
        disabled={!mayWrite}
        onChange={event => enable.mutate({ params: { id: rule.id }, body: { isEnabled: event.currentTarget.checked } })}
      />
    </Group>
  )
}
