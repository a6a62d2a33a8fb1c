import { Text, Tooltip } from '@mantine/core'
import { useEffect, useState } from 'react'
import { serverNow } from './clock.ts'

/** The time now, told again every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(serverNow)
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
/** With its zone: people in several zones work on one incident. */
const full = new Intl.DateTimeFormat(undefined, {
  ...{ year: 'numeric', month: 'short', day: 'numeric', hour: 'numeric', minute: '2-digit' },
  timeZoneName: 'short',
})

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })

/** A time of today, such as 10:14, in the viewer's zone. @param at in milliseconds */
export const clockTime = (at: number): string => clock.format(at)

export function relativeTime(at: number, now: number): string {
  const distance = at - now
  for (const [unit, ms] of units) if (Math.abs(distance) >= ms) return relative.format(Math.trunc(distance / ms), unit)
  return distance > 0 ? 'in a moment' : 'just now'
}

export const utc = (at: string) => `${at.slice(0, 19).replace('T', ' ')} UTC`

/** A moment in the viewer's zone; pointing at it shows UTC. */
export function Time({ at, isRelative = false }: { at: string; isRelative?: boolean }) {
  const now = useNow(30_000)
  const text = isRelative ? relativeTime(Date.parse(at), now) : full.format(new Date(at))
  return (
    <Tooltip label={isRelative ? `${full.format(new Date(at))} · ${utc(at)}` : utc(at)}>
      <Text component="time" dateTime={at} inherit className="numeric" style={{ whiteSpace: 'nowrap' }}>
        {text}
      </Text>
    </Tooltip>
  )
}

/** How long until (or since) a moment, as a clock reads: `71 h 59 min`. */
export function remaining(at: string, now: number): string {
  const minutes = Math.floor(Math.abs(Date.parse(at) - now) / 60_000)
  const hours = Math.floor(minutes / 60)
  return hours > 0 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${minutes} min`
}

/** Today, and days from it, as date inputs write them. */
export const dayFromNow = (days: number) => new Date(serverNow() + days * 86_400_000).toISOString().slice(0, 10)
