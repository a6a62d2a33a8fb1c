import { useRouterState } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { call, useApi } from '../api.ts'
import { announce } from '../parts/announce.tsx'
import { focusHeading } from './focus-return.ts'

const lookMs = 100
/** A page that has not loaded by then is announced by the name that it has. */
const maxLooks = 30

/** Another page: its heading gets the focus, and its title is read once it has one. */
export function usePathFocus(): void {
  // Where the page that is shown belongs, not the one that is still being fetched.
  const pathname = useRouterState({ select: ({ resolvedLocation, location }) => (resolvedLocation ?? location).pathname })
  const before = useRef(pathname)
  useEffect(() => {
    if (before.current === pathname) return
    before.current = pathname
    focusHeading()
    let looks = 0
    const timer = setInterval(() => {
      looks += 1
      if (document.querySelector('main [aria-busy="true"]') && looks < maxLooks) return
      clearInterval(timer)
      // A page that had to be fetched has its heading only now; who has moved on meanwhile is left where they are.
      if (document.activeElement === document.body) focusHeading()
      announce(document.title.replace(/^\(\S+\) | · Tocsin$/g, ''))
    }, lookMs)
    return () => clearInterval(timer)
  }, [pathname])
}

/** Reads out that a page came: one to the person who sits here at once, any other when there is a pause. */
export function useSpokenPages(): void {
  const { data } = useApi('counters')
  const heard = useRef(data)
  useEffect(() => {
    const before = heard.current
    heard.current = data
    if (!data || !before) return
    if (data.pagesToMe > before.pagesToMe)
      void call('myPages', { query: { limit: 1 } }).then(
        ({ items: [page] }) => announce(page ? `Page to you: ${page.title}` : 'Page to you', { isUrgent: true }),
        () => announce('Page to you', { isUrgent: true }),
      )
    else if (data.unacknowledgedPages > before.unacknowledgedPages) announce(`New page. Unacknowledged: ${data.unacknowledgedPages}`)
  }, [data])
}
