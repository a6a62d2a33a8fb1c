import { ActionIcon, Box, Button, Group, SegmentedControl, Text, Tooltip } from '@mantine/core'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import type { OnCallShift, Override, TeamCalendar } from '@tocsin/api'
import { type MouseEvent, useRef, useState } from 'react'
import { serverNow } from '../parts/clock.ts'
import { type DragPoint, useDrag } from '../parts/drag.ts'
import { useNow } from '../parts/time.tsx'
import { positionLabel, tintsOf } from './words.ts'

/** A time that somebody marked in a track. */
export interface Picked {
  readonly scheduleId: string
  readonly position: number
  readonly start: string
  readonly end: string
  /** The override that is moved or made longer or shorter. */
  readonly instead?: Override
}

interface Period {
  readonly from: number
  readonly until: number
}

const dayMs = 86_400_000
const snapMs = 30 * 60_000
const when = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
const dayName = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric' })
const monthName = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' })

/** Midnight here, some days away. */
export function midnight(days: number, at = serverNow()): number {
  const date = new Date(at)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime()
}

/** Which weeks the calendar shows. */
export function PeriodControl({
  weeks,
  start,
  onWeeks,
  onStart,
}: {
  weeks: number
  start: number
  onWeeks: (weeks: number) => void
  onStart: (start: number) => void
}) {
  return (
    <Group justify="space-between">
      <Group gap={6}>
        <ActionIcon variant="default" size={34} aria-label="Earlier" onClick={() => onStart(midnight(-7 * weeks, start))}>
          <IconChevronLeft size={18} />
        </ActionIcon>
        <Button variant="default" size="sm" onClick={() => onStart(midnight(-1))}>
          Today
        </Button>
        <ActionIcon variant="default" size={34} aria-label="Later" onClick={() => onStart(midnight(7 * weeks, start))}>
          <IconChevronRight size={18} />
        </ActionIcon>
        <Text fw={600} ml={6}>
          {monthName.format(new Date(start))}
        </Text>
      </Group>
      <SegmentedControl
        aria-label="Weeks shown"
        size="xs"
        value={String(weeks)}
        onChange={value => onWeeks(Number(value))}
        data={[
          { value: '1', label: 'Week' },
          { value: '2', label: '2 weeks' },
          { value: '4', label: '4 weeks' },
        ]}
      />
    </Group>
  )
}

/** The layers of each schedule, what stands over them, and what counts in the end. A time is marked by dragging over it. */
export function Calendar({ calendar, period, onPick }: { calendar: TeamCalendar; period: Period; onPick: ((picked: Picked) => void) | undefined }) {
  const tint = tintsOf(calendar.people.map(person => person.id))
  const days: number[] = []
  for (let day = 0; midnight(day, period.from) < period.until; day += 1) days.push(midnight(day, period.from))
  return (
    <Box className="calendar" tabIndex={0} role="region" aria-label={`Calendar of ${calendar.team.name}`}>
      <div className="calendar-inside" style={{ minWidth: days.length > 10 ? 980 : 640 }}>
        <div className="calendar-row calendar-days" aria-hidden>
          <span />
          <div className="calendar-track">
            {days.map(day => (
              <span key={day} className="calendar-day" data-weekend={[0, 6].includes(new Date(day).getDay())} style={place(period, day, nextDay(day))}>
                {dayName.format(new Date(day))}
              </span>
            ))}
          </div>
        </div>
        {calendar.schedules.map(({ schedule, layers, final, overrides, temporaries }) => (
          <section key={schedule.id} aria-label={schedule.name}>
            <Text fw={600} size="sm" className="calendar-name">
              {schedule.name} <span className="quiet">· {schedule.timeZone}</span>
            </Text>
            {layers.length > 1
              ? layers.map(layer => (
                  <Row key={layer.name} label={layer.name} isThin>
                    <Track period={period} days={days}>
                      {layer.shifts.map(shift => (
                        <Bar key={shift.start} shift={shift} period={period} tint={tint} isGapShown={false} />
                      ))}
                    </Track>
                  </Row>
                ))
              : null}
            {overrides.length + temporaries.length > 0 ? (
              <Row label="Overrides" isThin>
                <Track period={period} days={days}>
                  {temporaries.map(one => (
                    <Tooltip key={one.id} label={`${one.name}: ${when.format(new Date(one.start))} – ${when.format(new Date(one.end))}`}>
                      <span className="calendar-bar" data-kind="temporary" style={place(period, Date.parse(one.start), Date.parse(one.end))}>
                        {one.name}
                      </span>
                    </Tooltip>
                  ))}
                  {overrides.map(one => (
                    <OverrideBar
                      key={one.id}
                      override={one}
                      name={namesOf(calendar, one)}
                      color={tint(one.participants[0] ?? '')}
                      period={period}
                      onPick={onPick ? (start, end) => onPick({ scheduleId: schedule.id, position: one.position ?? 0, start, end, instead: one }) : undefined}
                    />
                  ))}
                </Track>
              </Row>
            ) : null}
            {final.map(({ position, shifts }) => (
              <Row key={position} label={positionLabel(position)}>
                <Track
                  period={period}
                  days={days}
                  onPick={onPick ? (start, end) => onPick({ scheduleId: schedule.id, position, start, end }) : undefined}
                  label={`${schedule.name}, ${positionLabel(position)}: ${shifts.length === 1 ? '1 shift' : `${shifts.length} shifts`}, listed below the calendar`}
                >
                  {shifts.map(shift => (
                    <Bar key={shift.start} shift={shift} period={period} tint={tint} isGapShown />
                  ))}
                </Track>
              </Row>
            ))}
          </section>
        ))}
        {calendar.timeOff.length > 0 ? (
          <section aria-label="Time off">
            <Row label="Time off" isThin>
              <Track period={period} days={days}>
                {calendar.timeOff.map(off => (
                  <Tooltip key={off.id} label={`${off.person.name} is away: ${when.format(new Date(off.start))} – ${when.format(new Date(off.end))}`}>
                    <span className="calendar-bar" data-kind="away" style={place(period, Date.parse(off.start), Date.parse(off.end))}>
                      {off.person.name}
                    </span>
                  </Tooltip>
                ))}
              </Track>
            </Row>
          </section>
        ) : null}
      </div>
    </Box>
  )
}

/** Who is on call in a shift. */
export const namesIn = (shift: OnCallShift) => shift.people.map(person => person.name).join(', ') || 'nobody'
/** Whom an override is about. */
export const namesOf = (calendar: TeamCalendar, override: Override) =>
  override.participants.map(id => calendar.people.find(person => person.id === id)?.name ?? 'somebody').join(', ') || 'nobody'
const nextDay = (day: number) => midnight(1, day + dayMs / 8)

function place(period: Period, start: number, end: number): { left: string; width: string } {
  const share = (at: number) => (Math.min(Math.max(at, period.from), period.until) - period.from) / (period.until - period.from)
  return { left: `${share(start) * 100}%`, width: `${Math.max(0, share(end) - share(start)) * 100}%` }
}

function Row({ label, isThin = false, children }: { label: string; isThin?: boolean; children: React.ReactNode }) {
  return (
    <div className="calendar-row" data-thin={isThin}>
      <span className="calendar-label">{label}</span>
      {children}
    </div>
  )
}

function Bar({ shift, period, tint, isGapShown }: { shift: OnCallShift; period: Period; tint: (id: string) => string; isGapShown: boolean }) {
  const [first] = shift.people
  const isGap = first === undefined
  if (isGap && !isGapShown) return null
  const watching = shift.shadows.length > 0 ? `; ${shift.shadows.map(person => person.name).join(', ')} shadowing` : ''
  return (
    <Tooltip label={`${namesIn(shift)}: ${when.format(new Date(shift.start))} – ${when.format(new Date(shift.end))}${watching}`}>
      <span
        className="calendar-bar"
        data-kind={isGap ? 'gap' : 'shift'}
        style={{ ...place(period, Date.parse(shift.start), Date.parse(shift.end)), ...(first ? { background: tint(first.id) } : {}) }}
      >
        {isGap ? 'nobody' : `${namesIn(shift)}${shift.shadows.length > 0 ? ` + ${shift.shadows.map(person => person.name).join(', ')}` : ''}`}
      </span>
    </Tooltip>
  )
}

/** One line of time. Where a time may be picked, dragging marks it. */
function Track({
  period,
  days,
  onPick,
  label,
  children,
}: {
  period: Period
  days: readonly number[]
  onPick?: ((start: string, end: string) => void) | undefined
  label?: string
  children: React.ReactNode
}) {
  const now = useNow(60_000)
  const [marked, setMarked] = useState<{ start: number; end: number }>()
  const anchor = useRef<number>(undefined)
  const timeAt = ({ clientX, element }: DragPoint) => {
    const box = element.getBoundingClientRect()
    const at = period.from + ((clientX - box.left) / box.width) * (period.until - period.from)
    return Math.round(at / snapMs) * snapMs
  }
  const drag = useDrag({
    begin: (point, isTouch) => {
      anchor.current = timeAt(point)
      // A finger sees that it marks from now on.
      if (isTouch) setMarked({ start: anchor.current, end: anchor.current + snapMs })
    },
    move: point => {
      const from = anchor.current ?? timeAt(point)
      const at = timeAt(point)
      setMarked({ start: Math.min(from, at), end: Math.max(from, at) })
    },
    end: () => {
      if (marked && onPick && marked.end - marked.start >= snapMs) onPick(new Date(marked.start).toISOString(), new Date(marked.end).toISOString())
      setMarked(undefined)
    },
    cancel: () => setMarked(undefined),
  })
  const pointing = onPick ? drag : {}
  return (
    <div className="calendar-track" data-pick={onPick !== undefined} {...(label ? { role: 'img', 'aria-label': label } : {})} {...pointing}>
      {days.map(day => (
        <span key={day} aria-hidden className="calendar-line" data-weekend={[0, 6].includes(new Date(day).getDay())} style={place(period, day, nextDay(day))} />
      ))}
      {children}
      {marked ? <span className="calendar-marked" style={place(period, marked.start, marked.end)} /> : null}
      {now > period.from && now < period.until ? <span aria-hidden className="calendar-now" style={{ left: place(period, now, now).left }} /> : null}
    </div>
  )
}

/** An override: a button that opens it; a pointer moves it by its middle and makes it longer or shorter by its ends. */
function OverrideBar({
  override,
  name,
  color,
  period,
  onPick,
}: {
  override: Override
  name: string
  color: string
  period: Period
  onPick: ((start: string, end: string) => void) | undefined
}) {
  const [span, setSpan] = useState<{ start: number; end: number }>()
  const [isHeld, setIsHeld] = useState(false)
  const grip = useRef<{ x: number; width: number; mode: 'move' | 'start' | 'end' }>(undefined)
  /** The browser makes a click of a drag's end as well. */
  const wasMoved = useRef(false)
  const own = { start: Date.parse(override.start), end: Date.parse(override.end) }
  const shown = span ?? own
  // A finger is broader than a pointer.
  const edgeFor = (isTouch: boolean) => (isTouch ? 20 : 8)
  const words = { replace: '', add: ' besides', remove: ' not', shadow: ' watching' }[override.kind]
  const moved = ({ clientX }: DragPoint) => {
    if (!grip.current) return undefined
    const { mode, x, width } = grip.current
    const by = Math.round((((clientX - x) / width) * (period.until - period.from)) / snapMs) * snapMs
    return {
      start: mode === 'end' ? own.start : Math.min(own.start + by, mode === 'start' ? own.end - snapMs : Number.POSITIVE_INFINITY),
      end: mode === 'start' ? own.end : Math.max(own.end + by, mode === 'end' ? own.start + snapMs : 0),
    }
  }
  const drag = useDrag({
    begin: ({ clientX, element }, isTouch) => {
      const box = element.getBoundingClientRect()
      const edge = Math.min(edgeFor(isTouch), box.width / 3)
      const mode = clientX - box.left < edge ? 'start' : box.right - clientX < edge ? 'end' : 'move'
      grip.current = { x: clientX, width: element.parentElement?.getBoundingClientRect().width ?? 1, mode }
      setIsHeld(isTouch)
    },
    move: point => setSpan(moved(point)),
    end: point => {
      const next = moved(point)
      evicted()
      wasMoved.current = next !== undefined && (next.start !== own.start || next.end !== own.end)
      if (onPick && next && wasMoved.current) onPick(new Date(next.start).toISOString(), new Date(next.end).toISOString())
    },
    cancel: () => evicted(),
  })
  const evicted = () => {
    grip.current = undefined
    setSpan(undefined)
    setIsHeld(false)
  }
  const open = (event: MouseEvent) => {
    // A key makes a click without a count.
    if (onPick && (event.detail === 0 || !wasMoved.current)) onPick(override.start, override.end)
    wasMoved.current = false
  }
  const look = { className: 'calendar-bar', 'data-kind': 'override', style: { ...place(period, shown.start, shown.end), background: color } }
  const text = `${name}${words}`
  return (
    <Tooltip
      label={`${name}${words}: ${when.format(new Date(shown.start))} – ${when.format(new Date(shown.end))}${override.reason ? `, ${override.reason}` : ''}`}
    >
      {onPick ? (
        <button type="button" aria-label={`Edit override: ${text}`} {...look} {...drag} data-held={isHeld} onClick={open}>
          {text}
        </button>
      ) : (
        <span {...look}>{text}</span>
      )}
    </Tooltip>
  )
}
