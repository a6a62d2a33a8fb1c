import { Badge, Button, FileButton, Group, Paper, SegmentedControl, Stack, Switch, Tabs, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { notifications } from '@mantine/notifications'
import { IconSearch, IconUpload } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import type { DetectionRule } from '@tocsin/api'
import { useState } from 'react'
import { tellProblem, useAct, useApi } from '../api.ts'
import { SeverityBadge } from '../parts/badges.tsx'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { Coverage } from './coverage.tsx'
import { DeadLetters, LogSources } from './log-sources.tsx'
import { levelSeverity, originWords, techniquesOf } from './words.ts'

const tabs = ['rules', 'coverage', 'sources'] as const

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
            <ImportButton />
            <Button onClick={() => void navigate({ to: '/detection/new' })}>New rule</Button>
          </>
        ) : null
      }
    >
      <Tabs value={tab} onChange={value => setTab(tabs.find(known => known === value) ?? 'rules')} keepMounted={false}>
        <Tabs.List mb="md">
          <Tabs.Tab value="rules">Rules</Tabs.Tab>
          <Tabs.Tab value="coverage">Coverage</Tabs.Tab>
          <Tabs.Tab value="sources">Log sources</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="rules">
          <Rules />
        </Tabs.Panel>
        <Tabs.Panel value="coverage">
          <Coverage />
        </Tabs.Panel>
        <Tabs.Panel value="sources">
          <Stack>
            <LogSources />
            <DeadLetters />
          </Stack>
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}

function Standing() {
  const status = useApi('detectionStatus')
  if (status.data === undefined) return 'Sigma rules on your logs, as they come in.'
  const { rules, waitingBatches, deadLetters, isCompiling } = status.data
  return (
    <>
      {rules} rules in force
      {isCompiling ? ', a change is being made ready' : ''}
      {waitingBatches > 0 ? `, batches of events that wait: ${waitingBatches}` : ''}
      {deadLetters > 0 ? `, lines that were no events: ${deadLetters}` : ''}.
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
              <Empty title="No rule fits">Search for something else, write a rule, or import the public set of SigmaHQ as an archive.</Empty>
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
  const enable = useAct('enableDetectionRule')
  const source = [rule.logsource.product, rule.logsource.category, rule.logsource.service].filter(Boolean).join(' / ')
  return (
    <Group className="list-row" gap="sm" wrap="nowrap" align="flex-start">
      {rule.level === null ? <Badge miw={68}>exception</Badge> : <SeverityBadge severity={levelSeverity[rule.level]} />}
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
              ' · no match yet'
            )}
            {rule.falsePositiveShare === null ? '' : ` · ${Math.round(rule.falsePositiveShare * 100)} % false positives`}
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
        disabled={!mayWrite || enable.isPending}
        onChange={event => enable.mutate({ params: { id: rule.id }, body: { isEnabled: event.currentTarget.checked } })}
      />
    </Group>
  )
}

interface Imported {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly refused: { file: string; line: number; reason: string }[]
}

/** Takes an archive or rule files. It is a form with files, so it goes past the client of the contract. */
function ImportButton() {
  const client = useQueryClient()
  const [isBusy, setIsBusy] = useState(false)
  const send = async (files: File[]) => {
    if (files.length === 0) return
    setIsBusy(true)
    try {
      const form = new FormData()
      for (const file of files) form.append('files', file, file.name)
      const reply = await fetch('/api/v1/detection/import', { method: 'POST', body: form })
      const answer = (await reply.json()) as Imported & { detail?: string }
      if (!reply.ok) throw new Error(answer.detail ?? 'The rules could not be imported.')
      const first = answer.refused[0]
      notifications.show({
        title: `${answer.added} added, ${answer.changed} changed, ${answer.unchanged} as they were`,
        message: first ? `${answer.refused.length} refused, the first ${first.file}, line ${first.line}: ${first.reason}` : 'Every rule was taken.',
        color: first ? 'yellow' : 'teal',
        autoClose: 15_000,
      })
      await client.invalidateQueries()
    } catch (error) {
      tellProblem(error instanceof Error ? error.message : error)
    } finally {
      setIsBusy(false)
    }
  }
  return (
    <FileButton onChange={files => void send(files)} accept=".yml,.yaml,.tar,.gz,.tgz" multiple>
      {props => (
        <Button variant="default" leftSection={<IconUpload size={16} />} loading={isBusy} {...props}>
          Import
        </Button>
      )}
    </FileButton>
  )
}
