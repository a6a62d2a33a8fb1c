import { Checkbox, Skeleton, VisuallyHidden } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import type { AlertRow } from '@tocsin/api'
import { type MouseEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { DemoBadge, ExerciseBadge, markedTitle, SeverityBadge, Tone } from '../parts/badges.tsx'
import { remaining, Time, useNow } from '../parts/time.tsx'
import type { AlertRows } from './use-alert-rows.ts'

/** Heights of a row in pixels: one line, or two on a phone. */
const heights = { wide: 36, narrow: 58 } as const
const isNarrow = () => window.matchMedia('(max-width: 48em)').matches

const columns = [
  { name: 'severity', label: 'Severity' },
  { name: 'title', label: 'Title' },
  { name: 'service', label: 'Service' },
  { name: 'entity', label: 'Host or user' },
  { name: 'source', label: 'Source' },
  { name: 'count', label: 'Count' },
  { name: 'first', label: 'First seen' },
  { name: 'page', label: 'Page' },
  { name: 'assignee', label: 'Assignee' },
] as const

/** Rows beyond what is seen that are drawn. */
const overscan = 12

interface Props {
  readonly rows: AlertRows
  readonly active: number
  readonly onActive: (index: number) => void
  readonly selected: ReadonlySet<string>
  readonly onSelect: (index: number, isRange: boolean) => void
  readonly openId: string | undefined
  readonly onOpen: (row: AlertRow) => void
  /** What was just done to alerts that are still shown. */
  readonly acted: ReadonlyMap<string, string>
  readonly hasAllSelected: boolean
  readonly onSelectAll: () => void
  readonly hasFocus: boolean
}

/**
 * The alerts as a grid: one row has the focus at a time (`j`, `k`, arrows), of the rows only those that are seen are in the page, and rows keep their place while the
 * pointer is on them.
 */
export function AlertTable(props: Props) {
  const { rows, active, selected, hasAllSelected } = props
  const here = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  const [isPhone, setIsPhone] = useState(isNarrow)
  useLayoutEffect(() => {
    const measure = () => {
      setMargin((here.current?.getBoundingClientRect().top ?? 0) + window.scrollY)
      setIsPhone(isNarrow())
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [])
  const height = isPhone ? heights.narrow : heights.wide
  const virtual = useWindowVirtualizer({
    count: rows.count ?? 0,
    estimateSize: () => height,
    overscan,
    scrollMargin: margin,
    scrollPaddingStart: 130,
    scrollPaddingEnd: 90,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height is what is measured anew.
  useEffect(() => virtual.measure(), [height])
  const items = virtual.getVirtualItems()
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0]
  useEffect(() => rows.see(first, last), [rows.see, first, last])
  const wanted = useRef(active)
  useEffect(() => {
    if (wanted.current === active) return
    wanted.current = active
    virtual.scrollToIndex(active, { align: 'auto' })
  }, [active, virtual])
  // A row that is pressed stays where it is: between press and release nothing moves.
  const touch = (index: number) => {
    wanted.current = index
    props.onActive(index)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: of a table with a hundred thousand rows only a few are in the page, which a table element cannot say
    <div
      role="grid"
      aria-label="Alerts"
      aria-rowcount={rows.isAtEnd ? (rows.count ?? 0) + 1 : -1}
      aria-multiselectable
      className="alert-grid"
      onPointerLeave={rows.release}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the row of headers has nothing to do */}
      <div role="row" aria-rowindex={1} className="alert-row alert-head">
        <Head>
          <Checkbox
            size="xs"
            aria-label="Select all that match"
            checked={hasAllSelected}
            indeterminate={!hasAllSelected && selected.size > 0}
            onChange={props.onSelectAll}
          />
        </Head>
        {columns.map(({ name, label }) => (
          <Head key={name} name={name}>
            {label}
          </Head>
        ))}
      </div>
      <div ref={here} style={{ position: 'relative', height: virtual.getTotalSize() }}>
        {items.map(({ index, start }) => (
          <Row key={index} {...props} onActive={touch} index={index} row={rows.rowAt(index)} style={{ transform: `translateY(${start - margin}px)`, height }} />
        ))}
      </div>
    </div>
  )
}

function Head({ name, children }: { name?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: as of the grid
    // biome-ignore lint/a11y/useFocusableInteractive: a header has nothing to do
    <span role="columnheader" data-cell={name}>
      {children}
    </span>
  )
}

function Row({
  index,
  row,
  style,
  active,
  onActive,
  selected,
  onSelect,
  openId,
  onOpen,
  acted,
  hasFocus,
}: Props & { index: number; row: AlertRow | undefined; style: object }) {
  const here = useRef<HTMLDivElement>(null)
  const isActive = index === active
  useEffect(() => {
    if (isActive && hasFocus && row !== undefined) here.current?.focus({ preventScroll: true })
  }, [isActive, hasFocus, row])
  if (row === undefined)
    return (
      <div className="alert-row" style={style} aria-hidden>
        <Skeleton height={14} my="auto" style={{ gridColumn: '1 / -1' }} />
      </div>
    )
  const done = acted.get(row.id)
  const open = (event: MouseEvent) => {
    // A link is a link: in a new tab it opens the page of the alert.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    onActive(index)
    onOpen(row)
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: as of the grid
    <div
      ref={here}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected.has(row.id)}
      tabIndex={isActive ? 0 : -1}
      className="alert-row"
      data-active={isActive}
      data-open={row.id === openId}
      data-done={done !== undefined}
      data-severity={row.severity}
      style={style}
      onFocus={() => isActive || onActive(index)}
    >
      <Cell>
        <Checkbox
          size="xs"
          aria-label={`Select alert ${row.number}`}
          tabIndex={-1}
          checked={selected.has(row.id)}
          onChange={() => undefined}
          onClick={event => onSelect(index, event.shiftKey)}
        />
      </Cell>
      <Cell name="severity">
        <SeverityBadge severity={row.severity} />
      </Cell>
      {/* biome-ignore lint/a11y/useSemanticElements: as of the grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the row has the focus */}
      <span role="rowheader" className="alert-cell" data-cell="title">
        <Link to="/alerts/$id" params={{ id: row.id }} className="row-link" tabIndex={-1} onClick={open} title={row.title}>
          {markedTitle(row)}
        </Link>
        {row.kind === 'report' ? <Tone color="gray">report</Tone> : null}
        {row.incident ? <Tone color="gray">INC-{row.incident.number}</Tone> : null}
        <DemoBadge isDemo={row.isDemo} />
        <ExerciseBadge isExercise={row.isExercise} />
      </span>
      <Cell name="service">{row.service?.name ?? <None />}</Cell>
      <Cell name="entity">{[row.host, row.user].filter(Boolean).join(' · ') || <None />}</Cell>
      <Cell name="source">{row.source}</Cell>
      <Cell name="count">{row.count > 1 ? `× ${row.count.toLocaleString('en')}` : ''}</Cell>
      <Cell name="first">
        <Time at={row.firstSeenAt} isRelative />
      </Cell>
      <Cell name="page">{done === undefined ? <PageState row={row} /> : <em>{done.charAt(0).toUpperCase() + done.slice(1)}</em>}</Cell>
      <Cell name="assignee">{row.assignee?.name ?? <span className="quiet">Unassigned</span>}</Cell>
    </div>
  )
}

function Cell({ name, children }: { name?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: as of the grid
    // biome-ignore lint/a11y/useFocusableInteractive: the row has the focus
    <span role="gridcell" className="alert-cell" data-cell={name}>
      {children}
    </span>
  )
}

const None = () => (
  <span className="quiet">
    <span aria-hidden>–</span>
    <VisuallyHidden>none</VisuallyHidden>
  </span>
)

/** What becomes of the page of an alert, or why nobody is paged. */
function PageState({ row: { page, isSilenced, status, incident } }: { row: AlertRow }) {
  const now = useNow(30_000)
  if (incident) return <span className="quiet">Escalated</span>
  if (status === 'dismissed') return <span className="quiet">Dismissed</span>
  if (isSilenced) return <span className="quiet">Silenced</span>
  if (page === null) return status === 'acknowledged' ? <span className="quiet">Acknowledged</span> : <None />
  if (page.state === 'triggered')
    return <span className="alert-paged">{page.nextEscalationAt === null ? 'Paged' : `Escalates in ${remaining(page.nextEscalationAt, now)}`}</span>
  if (page.state === 'exhausted') return <span className="alert-paged">Not acknowledged</span>
  if (page.state === 'acknowledged') return <span>{page.acknowledgedBy ? `Acknowledged by ${page.acknowledgedBy}` : 'Acknowledged'}</span>
  return <span className="quiet">Page resolved</span>
}
