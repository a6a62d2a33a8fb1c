import {
  ActionIcon,
  Anchor,
  Badge,
  Button,
  FileButton,
  Group,
  Menu,
  NumberInput,
  PasswordInput,
  SegmentedControl,
  Select,
  Stack,
  Switch,
  Text,
  TextInput,
} from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconDots, IconRefresh, IconSearch, IconTrash, IconUpload } from '@tabler/icons-react'
import { type IndicatorList, levelSeverities, ruleLevels } from '@tocsin/api'
import { useRef, useState } from 'react'
import { act, useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { SeverityBadge } from '../parts/badges.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { Empty, FormProblem, isAbsent, Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { toast } from '../parts/toast.ts'
import { offerUndo } from '../parts/undo.tsx'
import { useMay } from '../session.ts'
import { useUpload } from '../upload.ts'

/** Lists of indicators of compromise: what is looked for in events besides what rules describe. */
export function Indicators() {
  const mayRead = useMay('responder')
  const mayWrite = useMay('lead')
  const lists = useApi('indicatorLists', {}, { isEnabled: mayRead })
  const [isAdding, setIsAdding] = useState(false)
  if (!mayRead) return <Empty title="Responders only">Indicators are visible to responders.</Empty>
  return (
    <Stack>
      <LookUp />
      <Section
        title="Lists"
        isFlush
        actions={
          mayWrite ? (
            <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
              Add list
            </Anchor>
          ) : null
        }
      >
        <Loaded query={lists} rows={2}>
          {rows =>
            rows.length === 0 ? (
              <Empty title="No indicators yet" action={mayWrite ? <Button onClick={() => setIsAdding(true)}>Add list</Button> : undefined}>
                Match every event against IP addresses, networks, domains, URLs and hashes from a CSV file, a STIX bundle or a TAXII server.
              </Empty>
            ) : (
              rows.map(list => <ListRow key={list.id} list={list} />)
            )
          }
        </Loaded>
      </Section>
      <Ignored />
      {isAdding ? <AddModal onClose={() => setIsAdding(false)} /> : null}
    </Stack>
  )
}

function ListRow({ list }: { list: IndicatorList }) {
  const mayWrite = useMay('lead')
  const change = useCommand('changeIndicatorList')
  const remove = useCommand('removeIndicatorList', { done: 'Removed.' })
  const askToRemove = () =>
    confirmed(
      {
        title: `Remove ${list.name}?`,
        consequence: `Its ${list.size.toLocaleString('en')} indicators are deleted and no longer matched. Existing alerts stay.`,
        action: 'Remove',
        isDanger: true,
      },
      () => remove.mutate({ params: { id: list.id } }),
    )
  return (
    <Group className="list-row" gap="sm" wrap="nowrap" align="flex-start">
      <SeverityBadge severity={levelSeverities[list.level]} />
      <div style={{ minWidth: 0, flex: 1 }}>
        <Text fw={550}>{list.name}</Text>
        <Text size="sm" className="quiet" component="div" style={{ overflowWrap: 'anywhere' }}>
          {list.size.toLocaleString()} {list.size === 1 ? 'indicator' : 'indicators'}
          {list.updatedAt ? (
            <>
              , {list.taxii ? 'pulled' : 'uploaded'} <Time at={list.updatedAt} isRelative />
            </>
          ) : list.taxii ? (
            ', not pulled yet'
          ) : (
            ', nothing uploaded'
          )}
          {list.lastSightingAt ? (
            <>
              {' '}
              · seen {list.sightings.toLocaleString()} {list.sightings === 1 ? 'time' : 'times'}, last <Time at={list.lastSightingAt} isRelative />
            </>
          ) : (
            ' · no sightings'
          )}
          {list.taxii ? ` · from ${new URL(list.taxii.url).host}, every ${list.taxii.pullMinutes} min` : ''}
        </Text>
        {list.problem ? (
          <Text size="sm" c="var(--mantine-color-error)" mt={2}>
            Last pull failed: {list.problem}.
          </Text>
        ) : null}
        {list.refused > 0 ? <Refused list={list} /> : null}
      </div>
      {mayWrite ? <Upload list={list} onRemove={askToRemove} /> : null}
      <Switch
        aria-label={`Enable ${list.name}`}
        checked={list.isEnabled}
        disabled={!mayWrite}
        onChange={event => change.mutate({ params: { id: list.id }, body: { isEnabled: event.currentTarget.checked } })}
      />
    </Group>
  )
}

function Refused({ list }: { list: IndicatorList }) {
  return (
    <details className="match-event">
      <summary className="quiet" style={{ fontSize: 14 }}>
        {list.refused.toLocaleString()} {list.refused === 1 ? 'entry' : 'entries'} rejected
      </summary>
      <ul style={{ margin: '4px 0', paddingLeft: 20 }}>
        {list.refusedExamples.map(({ at, reason }) => (
          <li key={at}>
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {at}: {reason}
            </Text>
          </li>
        ))}
      </ul>
    </details>
  )
}

function Upload({ list, onRemove }: { list: IndicatorList; onRemove: () => void }) {
  const pull = useCommand('pullIndicators', { done: 'Pull started.' })
  const upload = useUpload<{ taken: number; list: IndicatorList }>(({ taken, list: after }) =>
    toast({
      title: `${taken.toLocaleString()} imported`,
      message: after.refused > 0 ? `${after.refused.toLocaleString()} rejected. See the list for reasons.` : 'All entries imported.',
      color: after.refused > 0 ? 'yellow' : 'teal',
    }),
  )
  const choose = useRef<() => void>(null)
  return (
    <>
      {list.taxii ? null : (
        <FileButton onChange={file => upload.send(`/api/v1/detection/indicator-lists/${list.id}/import`, file ? [file] : [])} accept=".csv,.txt,.json,.gz">
          {props => {
            choose.current = props.onClick
            return (
              <Button size="xs" variant="default" visibleFrom="sm" leftSection={<IconUpload size={14} />} loading={upload.isBusy} {...props}>
                Upload
              </Button>
            )
          }}
        </FileButton>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="default" size={30} aria-label={`More about ${list.name}`} loading={upload.isBusy}>
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {list.taxii ? (
            <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => pull.mutate({ params: { id: list.id } })}>
              Pull now
            </Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconUpload size={16} />} onClick={() => choose.current?.()}>
              Upload
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconTrash size={16} />} onClick={onRemove}>
            Remove
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  )
}

function AddModal({ onClose }: { onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'createIndicatorList',
    { name: '', level: 'high', from: 'upload', taxii: { url: '', username: '', secret: '', pullMinutes: 60 as number | string } },
    {
      toBody: values => ({
        name: values.name,
        level: values.level,
        taxii: values.from === 'upload' ? null : { ...values.taxii, username: values.taxii.username || null, secret: values.taxii.secret || null },
      }),
      done: 'Added.',
      onDone: onClose,
    },
  )
  const isPulled = form.values.from === 'taxii'
  return (
    <Dialog onClose={onClose} title="Add indicator list">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <TextInput label="Name" placeholder="Botnet controllers" required {...form.getInputProps('name')} />
          <Select
            label="Alert severity"
            description="High and critical page the security team."
            data={[...ruleLevels]}
            allowDeselect={false}
            {...form.getInputProps('level')}
          />
          <SegmentedControl
            aria-label="Source"
            data={[
              { value: 'upload', label: 'File upload' },
              { value: 'taxii', label: 'TAXII server' },
            ]}
            {...form.getInputProps('from')}
          />
          {isPulled ? (
            <>
              <TextInput label="Collection URL" placeholder="https://taxii.example/api1/collections/…/" required {...form.getInputProps('taxii.url')} />
              <TextInput label="Username" description="Leave empty for a bearer token or no authentication" {...form.getInputProps('taxii.username')} />
              <PasswordInput label="Password or token" autoComplete="off" {...form.getInputProps('taxii.secret')} />
              <NumberInput label="Pull interval (minutes)" min={5} max={10_080} allowDecimal={false} {...form.getInputProps('taxii.pullMinutes')} />
            </>
          ) : (
            <Text size="sm" className="quiet">
              CSV (one per line) or a STIX 2.1 bundle, optionally gzipped. Each upload replaces the previous one.
            </Text>
          )}
          <FormActions submit="Add" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function LookUp() {
  const [typed, setTyped] = useState('')
  const [value] = useDebouncedValue(typed.trim(), 300)
  const answer = useApi('lookUpIndicator', { query: { value: value || '-' } }, { isEnabled: value !== '' })
  const { kind, found } = answer.data ?? {}
  return (
    <div>
      <TextInput
        aria-label="Look up an indicator"
        placeholder="IP address, domain, URL or hash"
        leftSection={<IconSearch size={15} />}
        value={typed}
        onChange={event => setTyped(event.currentTarget.value)}
        maw={480}
      />
      {value === '' || found === undefined ? null : (
        <Stack gap={4} mt="xs" role="status">
          {kind === null ? <Text size="sm">Not an IP address, domain, URL or hash.</Text> : null}
          {kind !== null && found.length === 0 ? <Text size="sm">Not on any list.</Text> : null}
          {found.map(one => (
            <Group key={`${one.list.id} ${one.value}`} gap={8}>
              <Text size="sm" className="mono" style={{ overflowWrap: 'anywhere' }}>
                {one.value}
              </Text>
              <Text size="sm" className="quiet">
                {one.list.name}
                {one.description ? ` · ${one.description}` : ''}
              </Text>
              {one.validUntil ? (
                <Text size="sm" className="quiet" component="div">
                  until <Time at={one.validUntil} />
                </Text>
              ) : null}
              {one.isIgnored ? <Badge variant="default">ignored</Badge> : null}
            </Group>
          ))}
        </Stack>
      )}
    </div>
  )
}

function Ignored() {
  const mayWrite = useMay('lead')
  const ignored = usePages<{ value: string; reason: string; at: string; by: string }>('ignoredIndicators', {})
  const restore = useCommand('restoreIndicator', {
    onDone: (_reply, { body }) => {
      const reason = ignored.items?.find(({ value }) => value === body.value)?.reason
      if (reason !== undefined)
        offerUndo({ message: 'Indicator restored.', undo: () => act('ignoreIndicator', { body: { ...body, reason } }), undone: 'Indicator ignored again.' })
    },
  })
  if (isAbsent(ignored, () => ignored.items?.length === 0)) return null
  return (
    <Section title="Ignored" isFlush>
      <Loaded query={ignored}>
        {() =>
          ignored.items?.map(one => (
            <Group key={one.value} className="list-row" gap="sm" wrap="nowrap" align="flex-start">
              <div style={{ minWidth: 0, flex: 1 }}>
                <Text className="mono" style={{ overflowWrap: 'anywhere' }}>
                  {one.value}
                </Text>
                <Text size="sm" className="quiet" component="div">
                  {one.reason} · {one.by}, <Time at={one.at} isRelative />
                </Text>
              </div>
              {mayWrite ? (
                <Button size="xs" variant="default" onClick={() => restore.mutate({ body: { value: one.value } })}>
                  Restore
                </Button>
              ) : null}
            </Group>
          ))
        }
      </Loaded>
      <LoadMore list={ignored} />
    </Section>
  )
}
