import { useEffect, useSyncExternalStore } from 'react'
import { queryClient } from './query-client.ts'
import { type Heard, pacedRefresh, refresh } from './refresh.ts'

/** Whether what is shown follows what happens: heard live, being connected again, or without a connection to the server. */
export interface Live {
  readonly state: 'connecting' | 'live' | 'reconnecting' | 'offline'
  /** When it was last live, in milliseconds; null before the first time. */
  readonly since: number | null
}

/** A stream that ends is opened again after this time, and after each refusal twice as much. */
const reopenMs = 1_000
const maxReopenMs = 30_000
/** While it is down, everything is read at this pace. */
const pollMs = 30_000
/** The server gives a sign of life every 20 s: without one, the connection is dead, whatever the browser believes. */
const silentMs = 45_000
/** Shorter gaps are not worth a word: the server ends each stream after some minutes. */
const graceMs = 3_000

let live: Live = { state: 'connecting', since: null }
const listeners = new Set<() => void>()
let isReachable = true

function become(next: Partial<Live>): void {
  live = { ...live, ...next }
  for (const tell of listeners) tell()
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

export const useLiveState = (): Live => useSyncExternalStore(subscribe, () => live)

const down = () => (navigator.onLine && isReachable ? 'reconnecting' : 'offline')

/** A request has found the server, or nobody. */
export function reached(isFound: boolean): void {
  isReachable = isFound
  const isDown = live.state === 'reconnecting' || live.state === 'offline'
  if (isDown && live.state !== down()) become({ state: down() })
}

/** Since when what is shown may be old: the oldest of what was read since the stream went down. */
export function dataAsOf(since: number): number {
  const read = queryClient.getQueryCache().findAll({ type: 'active' })
  return Math.min(...read.filter(({ state }) => state.data !== undefined).map(({ state }) => Math.max(state.dataUpdatedAt, since)), Date.now())
}

/** Listens for what changes, as long as a session lasts: two people at one incident see each other's changes without a reload. */
export function useLive(isSignedIn: boolean): void {
  useEffect(() => (isSignedIn ? follow() : undefined), [isSignedIn])
}

/** Opens the stream, and opens it again, until it is stopped. */
function follow(): () => void {
  let source: EventSource | undefined
  let refusals = 0
  let isDown = false
  const timers: Partial<Record<'reopen' | 'poll' | 'silence' | 'grace', ReturnType<typeof setTimeout>>> = {}
  const paced = pacedRefresh()
  const wait = (name: keyof typeof timers, ms: number, act: () => void) => {
    clearTimeout(timers[name])
    timers[name] = setTimeout(act, ms)
  }
  const stop = (name: keyof typeof timers) => clearTimeout(timers[name])

  function alive(): void {
    wait('silence', silentMs, lose)
  }
  function open(): void {
    source?.close()
    source = new EventSource('/api/v1/live')
    source.onopen = () => {
      refusals = 0
      isDown = false
      stop('poll')
      stop('grace')
      reached(true)
      become({ state: 'live', since: Date.now() })
      alive()
      // What happened before it was open was not heard: also before the first time.
      void refresh()
    }
    source.onmessage = message => {
      alive()
      paced.hear(JSON.parse(String(message.data)) as Heard)
    }
    source.addEventListener('alive', alive)
    source.onerror = lose
  }
  /** The stream has ended, was refused, or is silent. The browser would open some of these again by itself, but not after a 401 or 503. */
  function lose(): void {
    source?.close()
    stop('silence')
    if (!isDown) {
      isDown = true
      if (live.state === 'live') become({ since: Date.now() })
      wait('grace', navigator.onLine ? graceMs : 0, () => become({ state: down() }))
      poll()
    }
    // Whether the session has ended, or the server is away, the next look at it tells.
    void queryClient.invalidateQueries({ queryKey: ['me'] })
    wait('reopen', navigator.onLine ? Math.min(reopenMs * 2 ** refusals, maxReopenMs) : maxReopenMs, open)
    refusals += 1
  }
  function poll(): void {
    wait('poll', pollMs, () => {
      void refresh()
      poll()
    })
  }
  const goOffline = () => {
    reached(false)
    lose()
  }
  const goOnline = () => {
    reached(true)
    refusals = 0
    open()
  }
  window.addEventListener('offline', goOffline)
  window.addEventListener('online', goOnline)
  open()
  return () => {
    window.removeEventListener('offline', goOffline)
    window.removeEventListener('online', goOnline)
    for (const timer of Object.values(timers)) clearTimeout(timer)
    paced.stop()
    source?.close()
    become({ state: 'connecting', since: null })
  }
}
