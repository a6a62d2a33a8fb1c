import { Button, Collapse, Group, Menu, Paper, Select, Stack, Text } from '@mantine/core'
import { IconAdjustmentsHorizontal, IconBookmark, IconDots, IconDownload, IconTrash } from '@tabler/icons-react'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { type AlertRow, alertFields, alertSorts, builtInViews } from '@tocsin/api'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { call, useApi, useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { FilterInput } from '../parts/filter-input.tsx'
import { Empty, Page, ProblemNote } from '../parts/page.tsx'
import { isShortcut } from '../parts/shortcuts.ts'
import { toast } from '../parts/toast.ts'
import { useMay, useMe } from '../session.ts'
import { type Acted, AssignDialog, CorrectDialog, DismissDialog, EscalateDialog, useQuickActs } from './acts.tsx'
import { AlertPane } from './alert-pane.tsx'
import { AlertTable } from './alert-table.tsx'
import type { AlertsSearch } from './alerts-search.ts'
import { Facets } from './facets.tsx'
import { SaveViewDialog } from './save-view-dialog.tsx'
import { isSelected, type Selection, sortNames, type View, viewsOf, withTerm } from './selection.ts'
import { useAlertRows } from './use-alert-rows.ts'

/** Alerts that one act is about. */
const maxSelected = 5_000
const hasRoomBeside = () => window.matchMedia('(min-width: 75em)').matches
type Opened = 'dismiss' | 'escalate' | 'assign' | 'correct'

/** The triage queue: find, look, decide, many at once, by hand or by keyboard. What is listed, and what is open beside it, is in the address. */
export function AlertsPage() {
  const { view = 'triage', filter = '', sort: sorted, alert: openId } = useSearch({ from: '/inside/alerts' })
  const sort = alertSorts.find(one => one === sorted)
  const selection = useMemo<Selection>(() => ({ view, filter, ...(sort === undefined ? {} : { sort }) }), [view, filter, sort])
  const navigate = useNavigate()
  const me = useMe()
  const mayRespond = useMay('responder')
  const order = sort ?? (view === 'triage' ? 'severity' : 'newest')
  const rows = useAlertRows({ view, filter, sort: order })
  const facets = useApi('alertFacets', { query: { view, filter } })
  const services = useApi('services')
  const [active, setActive] = useState(0)
  const [hasFocus, setHasFocus] = useState(false)
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [hasAll, setHasAll] = useState(false)
  const [anchor, setAnchor] = useState(0)
  const [acted, setActed] = useState<ReadonlyMap<string, string>>(new Map())
  const [opened, setOpened] = useState<{ what: Opened; acted: Acted }>()
  const [hasFacets, setHasFacets] = useState(hasRoomBeside)
  const [isSaving, setIsSaving] = useState(false)
  const filterInput = useRef<HTMLInputElement>(null)

  const show = useCallback(
    (next: Partial<Selection>) => {
      setSelected(new Set())
      setHasAll(false)
      setActed(new Map())
      setActive(0)
      void navigate({ to: '/alerts', search: ({ view: v, filter: f, sort: s }) => clean({ view: v, filter: f, sort: s, ...next }), replace: true })
    },
    [navigate],
  )
  const open = (row: Pick<AlertRow, 'id'> | undefined) => {
    if (row !== undefined && !hasRoomBeside()) return void navigate({ to: '/alerts/$id', params: { id: row.id } })
    void navigate({ to: '/alerts', search: before => clean({ ...before, alert: row?.id }), replace: true })
  }
  const onActed = (ids: readonly string[], what: string) => {
    rows.hold()
    setActed(before => new Map([...before, ...ids.map(id => [id, what] as const)]))
    setSelected(new Set())
    setHasAll(false)
    const isDecided = what === 'dismissed' || what === 'escalated'
    if (!isDecided || openId === undefined || !ids.includes(openId)) return
    // The next one opens.
    const next = rows.rowAt(rows.indexOf(openId) + 1)
    if (next !== undefined) setActive(rows.indexOf(next.id))
    open(next)
  }
  const quick = useQuickActs(onActed)

  const focused = rows.rowAt(active)
  const targets = (): Acted | undefined => {
    if (selected.size > 0) return { ids: [...selected], ...(selected.size === 1 ? { one: rowOf([...selected][0]) } : {}) }
    return focused === undefined ? undefined : { ids: [focused.id], one: focused }
  }
  const rowOf = (id = '') => rows.rowAt(rows.indexOf(id))
  const ask = (what: Opened) => {
    const about = targets()
    if (about !== undefined) setOpened({ what, acted: about })
  }
  const select = (index: number, isRange: boolean) => {
    const [from, until] = isRange ? [Math.min(anchor, index), Math.max(anchor, index)] : [index, index]
    const ids = Array.from({ length: until - from + 1 }, (_, n) => rows.rowAt(from + n)?.id).filter(id => id !== undefined)
    const isAdded = isRange || !selected.has(ids[0] ?? '')
    setSelected(before => new Set(isAdded ? [...before, ...ids].slice(0, maxSelected) : [...before].filter(id => !ids.includes(id))))
    setHasAll(false)
    setAnchor(index)
  }
  const selectAll = async () => {
    if (hasAll) {
      setSelected(new Set())
      setHasAll(false)
      return
    }
    const ids: string[] = []
    for (let cursor: string | undefined | null; cursor !== null && ids.length < maxSelected; ) {
      const chunk: Awaited<ReturnType<typeof call<'alertRows'>>> = await call('alertRows', {
        query: { view, filter, sort: order, limit: 200, ...(cursor ? { cursor } : {}) },
      })
      ids.push(...chunk.items.map(({ id }) => id))
      cursor = chunk.next
    }
    setSelected(new Set(ids.slice(0, maxSelected)))
    setHasAll(true)
    if (ids.length >= maxSelected)
      toast({ message: `The first ${maxSelected.toLocaleString('en')} alerts are selected: one act is about no more.`, color: 'yellow' })
  }

  const keys = new Map([
    ['j', () => setActive(Math.min(active + 1, (rows.count ?? 1) - 1))],
    ['k', () => setActive(Math.max(active - 1, 0))],
    ['x', () => select(active, false)],
    ['X', () => select(active, true)],
    ['a', () => quick.acknowledge(targets()?.ids ?? [])],
    ['m', () => me && quick.assign(targets()?.ids ?? [], me.person.id, me.person.name)],
    ['d', () => ask('dismiss')],
    ['e', () => ask('escalate')],
    ['Enter', () => open(focused)],
    ['Escape', () => (selected.size > 0 ? setSelected(new Set()) : open(undefined))],
  ])
  const latest = useRef(keys)
  latest.current = keys
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!isShortcut(event)) return
      if (event.key === '/') {
        event.preventDefault()
        filterInput.current?.focus()
        return
      }
      const isIn = (selector: string) => event.target instanceof HTMLElement && event.target.closest(selector) !== null
      const arrow = { ArrowDown: 'j', ArrowUp: 'k' }[event.key]
      const key = arrow ?? event.key
      const perform = latest.current.get(key)
      if (perform === undefined || (key === 'Enter' && isIn('button, a')) || (arrow !== undefined && !isIn('[role="grid"]'))) return
      if (!mayRespond && 'xXamde'.includes(key)) return
      event.preventDefault()
      if (key === 'j' || key === 'k') setHasFocus(true)
      perform()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [mayRespond])

  const saved = useApi('savedViews')
  const removeView = useCommand('removeView', { done: 'View deleted.' })
  const views = viewsOf(builtInViews, saved.data ?? [])
  const remove = ({ id, isShared }: NonNullable<View['saved']>, name: string) =>
    confirmed(
      {
        title: `Delete the view ${name}?`,
        consequence: isShared ? 'It is deleted for everybody.' : 'Its filter is forgotten.',
        action: 'Delete',
        isDanger: true,
      },
      () => removeView.mutate({ params: { id } }),
    )
  const here = views.find(one => isSelected(one, selection))
  const total =
    facets.data === undefined ? undefined : facets.data.isCapped ? `${facets.data.total.toLocaleString('en')}+` : facets.data.total.toLocaleString('en')
  const known = Object.fromEntries([
    ...(facets.data?.facets ?? []).map(({ field, values }) => [field, values.map(({ value }) => value).filter(value => value !== '')] as const),
    ['service', (services.data ?? []).map(({ name }) => name)] as const,
  ])
  return (
    <Page
      title="Alerts"
      isWide
      actions={
        <>
          <Button variant="default" component={Link} to="/silences">
            Silences
          </Button>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default" px="xs" aria-label="More">
                <IconDots size={17} />
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {here === undefined ? (
                <Menu.Item leftSection={<IconBookmark size={16} />} onClick={() => setIsSaving(true)}>
                  Save view…
                </Menu.Item>
              ) : null}
              {here?.saved?.isMine ? (
                <Menu.Item leftSection={<IconTrash size={16} />} onClick={() => here.saved && remove(here.saved, here.name)}>
                  Delete view…
                </Menu.Item>
              ) : null}
              <Menu.Item
                leftSection={<IconDownload size={16} />}
                component="a"
                href={`/api/v1/alerts.csv?${new URLSearchParams({ view, filter })}`}
                download="alerts.csv"
              >
                Download as CSV
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <Stack gap="sm">
        <Group gap={6} component="nav" aria-label="Views" className="view-tabs">
          {views.map(one => (
            <Button
              key={one.key}
              size="xs"
              variant={one === here ? 'filled' : 'default'}
              color={one === here ? 'gray.7' : undefined}
              aria-current={one === here ? 'page' : undefined}
              onClick={() => show({ ...one.selection, sort: one.selection.sort, alert: undefined })}
            >
              {one.name}
            </Button>
          ))}
        </Group>
        <Group gap="sm" align="flex-start" wrap="nowrap">
          <div style={{ flex: 1, minWidth: 0 }}>
            <FilterInput
              label="Filter alerts"
              fields={alertFields}
              value={filter}
              known={known}
              inputRef={filterInput}
              onChange={changed => show({ filter: changed })}
            />
          </div>
          <Select
            aria-label="Sort by"
            w={190}
            visibleFrom="sm"
            data={alertSorts.map(value => ({ value, label: sortNames[value] }))}
            value={order}
            allowDeselect={false}
            onChange={value => show({ sort: alertSorts.find(one => one === value) })}
          />
          <Button
            variant={hasFacets ? 'light' : 'default'}
            color="gray"
            px="sm"
            leftSection={<IconAdjustmentsHorizontal size={16} />}
            aria-expanded={hasFacets}
            onClick={() => setHasFacets(!hasFacets)}
          >
            Facets
          </Button>
        </Group>
        <Text size="sm" className="quiet" role="status">
          {facets.isError && total === undefined
            ? 'The number of alerts could not be loaded.'
            : total === undefined
              ? 'Counting…'
              : `${total} ${total === '1' ? 'alert' : 'alerts'}`}
          {rows.isApproximate ? ' · None contains this text: these have similar words in their titles' : ''}
          {rows.isHeld ? ' · The list stays as it is while the pointer is on it' : ''}
        </Text>
        <div className="triage" data-facets={hasFacets} data-pane={openId !== undefined}>
          <Collapse expanded={hasFacets} className="triage-facets">
            <Paper p="sm" component="section" aria-label="Facets">
              <Facets query={facets} filter={filter} onToggle={term => show({ filter: withTerm(filter, term) })} />
            </Paper>
          </Collapse>
          <Paper style={{ minWidth: 0 }} onFocus={() => setHasFocus(true)} onBlur={() => setHasFocus(false)}>
            {rows.error !== null ? <ProblemNote error={rows.error} onRetry={rows.retry} /> : null}
            {rows.count === 0 ? (
              <Empty title={view === 'triage' && filter === '' ? 'No alerts to triage' : 'No alerts match'}>
                {view === 'triage' && filter === ''
                  ? 'Every alert has a disposition.'
                  : filter === ''
                    ? 'Add an integration in Settings, or send a test alert: npx tocsin alert send --title "Hello"'
                    : 'Change the filter, or look in all alerts.'}
              </Empty>
            ) : rows.count === undefined && rows.error !== null ? null : (
              <AlertTable
                rows={rows}
                active={active}
                onActive={setActive}
                selected={selected}
                onSelect={select}
                openId={openId}
                onOpen={open}
                acted={acted}
                hasAllSelected={hasAll}
                onSelectAll={() => void selectAll()}
                hasFocus={hasFocus}
              />
            )}
          </Paper>
          {openId === undefined ? null : <AlertPane key={openId} id={openId} onClose={() => open(undefined)} onActed={onActed} />}
        </div>
      </Stack>
      {selected.size > 0 && mayRespond ? (
        <div className="bulk-bar" role="toolbar" aria-label="Selected alerts">
          <Text size="sm" fw={550} role="status">
            {selected.size.toLocaleString('en')} selected
          </Text>
          <Button size="xs" variant="default" loading={quick.isBusy} onClick={() => quick.acknowledge([...selected])}>
            Acknowledge
          </Button>
          <Button size="xs" variant="default" onClick={() => me && quick.assign([...selected], me.person.id, me.person.name)}>
            Assign to me
          </Button>
          <Button size="xs" variant="default" onClick={() => ask('assign')}>
            Assign…
          </Button>
          <Button size="xs" variant="default" onClick={() => ask('correct')}>
            Correct…
          </Button>
          <Button size="xs" variant="default" onClick={() => ask('dismiss')}>
            Dismiss…
          </Button>
          <Button size="xs" onClick={() => ask('escalate')}>
            Escalate…
          </Button>
          <Button size="xs" variant="subtle" color="gray" onClick={() => setSelected(new Set())}>
            Clear
          </Button>
        </div>
      ) : null}
      {isSaving ? <SaveViewDialog selection={selection} onClose={() => setIsSaving(false)} /> : null}
      <ActDialog opened={opened} onClose={() => setOpened(undefined)} onActed={onActed} />
    </Page>
  )
}

function ActDialog({
  opened,
  ...rest
}: {
  opened: { what: Opened; acted: Acted } | undefined
  onClose: () => void
  onActed: (ids: readonly string[], what: string) => void
}) {
  if (opened === undefined) return null
  const props = { ...rest, acted: opened.acted }
  switch (opened.what) {
    case 'dismiss':
      return <DismissDialog {...props} />
    case 'escalate':
      return <EscalateDialog {...props} />
    case 'assign':
      return <AssignDialog {...props} />
    case 'correct':
      return <CorrectDialog {...props} />
  }
}

/** An address says no more than it has to. */
function clean({ view, filter, sort, alert }: Partial<Record<keyof Selection, string | undefined>>): AlertsSearch {
  return { ...(view === 'all' ? { view } : {}), ...(filter ? { filter } : {}), ...(sort ? { sort } : {}), ...(alert ? { alert } : {}) }
}
