import { Anchor, Badge, Button, Grid, Group, Skeleton, Stack, Switch, Table, Text } from '@mantine/core'
import { useNavigate, useParams } from '@tanstack/react-router'
import { type DetectionRuleDetail, type DetectionRuleVersion, levelSeverities } from '@tocsin/api'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { ServiceSelect } from '../directory/service-select.tsx'
import { useRecordForm } from '../forms.ts'
import { SeverityBadge } from '../parts/badges.tsx'
import { FormProblem, Loaded, LoadedPage, LoadMore, Page, ProblemNote, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { TryPane } from './try-pane.tsx'
import { originWords } from './words.ts'

// The editor is large, and nobody but the author of a rule needs it.
const RuleEditor = lazy(() => import('./rule-editor.tsx'))

const blank = `title: What it detects
status: experimental
description: Why that matters.
tags:
  - attack.execution
logsource:
  product: windows
  category: process_creation
detection:
  selection:
    Image|endswith: '\\example.exe'
  condition: selection
falsepositives:
  - Unknown
level: medium
`

export function NewRulePage() {
  const navigate = useNavigate()
  const [text, setText] = useState(blank)
  const create = useCommand('createDetectionRule', {
    done: 'Rule saved and enabled.',
    isQuiet: true,
    onDone: rule => void navigate({ to: '/detection/rules/$id', params: { id: rule.id } }),
  })
  return (
    <Page
      title="New rule"
      lead="Write a Sigma rule. It is validated as you type."
      actions={
        <Button loading={create.isPending} onClick={() => create.mutate({ body: { text } })}>
          Save and enable
        </Button>
      }
    >
      {create.error ? <ProblemNote error={create.error} /> : null}
      <Workbench text={text} setText={setText} isReadOnly={false} />
    </Page>
  )
}

export function RulePage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const rule = useApi('detectionRule', { params: { id } })
  return (
    <LoadedPage title="Rule" wayOut={<RouteLink to="/detection">All rules</RouteLink>} query={rule}>
      {found => <RuleView key={found.id} rule={found} />}
    </LoadedPage>
  )
}

function Workbench({ text, setText, isReadOnly }: { text: string; setText: (text: string) => void; isReadOnly: boolean }) {
  return (
    <Grid gap="lg">
      <Grid.Col span={{ base: 12, md: 7 }}>
        <Section title="Rule" isFlush>
          <Suspense fallback={<Skeleton height={320} m="md" w="auto" />}>
            <RuleEditor value={text} isReadOnly={isReadOnly} onChange={setText} />
          </Suspense>
        </Section>
      </Grid.Col>
      <Grid.Col span={{ base: 12, md: 5 }}>
        <TryPane text={text} />
      </Grid.Col>
    </Grid>
  )
}

function RuleView({ rule }: { rule: DetectionRuleDetail }) {
  const mayWrite = useMay('lead')
  const { form, submit, isBusy, isTyped, newer, hold } = useRecordForm('changeDetectionRule', rule, ({ text }) => ({ text }), {
    around: () => ({ params: { id: rule.id } }),
    done: 'New version saved and enabled.',
    onDone: saved => hold(saved),
  })
  const { text } = form.values
  const setText = (changed: string) => form.setFieldValue('text', changed)
  // Somebody else's change is shown, unless one is writing oneself.
  useEffect(() => {
    if (!isTyped) newer?.()
  }, [isTyped, newer])
  const discard = () => {
    setText(rule.text)
    hold(rule)
  }
  const enable = useCommand('enableDetectionRule')
  const assign = useCommand('assignDetectionRule', { done: 'Service saved.' })
  const params = { id: rule.id }
  return (
    <Page
      title={rule.title}
      lead={
        <Group gap={8} component="span">
          {rule.level === null ? <Badge variant="default">exception</Badge> : <SeverityBadge severity={levelSeverities[rule.level]} />}
          <Badge variant="default">{originWords[rule.origin]}</Badge>
          <span>
            Version {rule.version}, {rule.changedBy}, <Time at={rule.changedAt} isRelative />
          </span>
          {rule.expiresAt ? (
            <span>
              · ends <Time at={rule.expiresAt} />
            </span>
          ) : null}
        </Group>
      }
      actions={
        mayWrite ? (
          <>
            <Switch
              label={rule.isEnabled ? 'Enabled' : 'Disabled'}
              checked={rule.isEnabled}
              onChange={event => enable.mutate({ params, body: { isEnabled: event.currentTarget.checked } })}
            />
            {isTyped ? (
              <Button variant="default" onClick={discard}>
                Discard
              </Button>
            ) : null}
            <Button disabled={!isTyped} loading={isBusy} onClick={() => submit()}>
              Save
            </Button>
          </>
        ) : null
      }
    >
      <FormProblem errors={form.errors.text ? { form: form.errors.text } : form.errors} newer={newer} />
      <Workbench text={text} setText={setText} isReadOnly={!mayWrite} />
      {rule.kind === 'filter' ? null : (
        <ServiceSelect
          label="Service"
          description="What its alerts are about: they page the team of this service. Without one, the log source decides"
          maw={480}
          value={rule.service?.id ?? null}
          readOnly={!mayWrite}
          onChange={serviceId => assign.mutate({ params, body: { serviceId } })}
        />
      )}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Section title="Matches per day">
            <Days rule={rule} />
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Versions ruleId={rule.id} text={text} onShow={setText} />
        </Grid.Col>
      </Grid>
      <Text size="sm">
        <RouteLink to="/detection">All rules</RouteLink>
      </Text>
    </Page>
  )
}

function Versions({ ruleId, text, onShow }: { ruleId: string; text: string; onShow: (text: string) => void }) {
  const versions = usePages<DetectionRuleVersion>('detectionRuleVersions', {}, { params: { id: ruleId } })
  return (
    <Section title="Versions" isFlush>
      <Loaded query={versions}>
        {() => (
          <Table highlightOnHover={false}>
            <Table.Tbody>
              {versions.items?.map(version => (
                <Table.Tr key={version.version}>
                  <Table.Td className="numeric">{version.version}</Table.Td>
                  <Table.Td>{version.by}</Table.Td>
                  <Table.Td className="quiet">
                    <Time at={version.at} isRelative />
                  </Table.Td>
                  <Table.Td>
                    {version.text === text ? (
                      <span className="quiet">shown</span>
                    ) : (
                      <Anchor component="button" size="sm" onClick={() => onShow(version.text)}>
                        Show
                      </Anchor>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Loaded>
      <LoadMore list={versions} />
    </Section>
  )
}

function Days({ rule }: { rule: DetectionRuleDetail }) {
  if (rule.days.length === 0) return <Text className="quiet">No matches yet.</Text>
  const most = Math.max(...rule.days.map(day => day.matches))
  const noise = rule.falsePositiveShare === null ? null : `${Math.round(rule.falsePositiveShare * 100)}% of its triaged alerts were false positives.`
  return (
    <Stack gap="sm">
      <div className="day-bars" role="img" aria-label={`Matches per day: ${rule.days.map(day => `${day.day} ${day.matches}`).join(', ')}`}>
        {rule.days.map(day => (
          <span key={day.day} style={{ height: `${Math.max(4, (100 * day.matches) / most)}%` }} title={`${day.day}: ${day.matches}`} />
        ))}
      </div>
      <Text size="sm" className="quiet">
        {rule.matches} total, last <Time at={rule.lastMatchAt ?? rule.changedAt} isRelative />. {noise}
      </Text>
    </Stack>
  )
}
