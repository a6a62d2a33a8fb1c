import { useEffect } from 'react'

const dialog = '[role="dialog"]'
const row = '.list-row, tr, li'
const focusable = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled)'

/**
 * Gives the focus back to where it was before a dialog opened. A dialog is taken from the page when it is closed, and what it had remembered goes
 * with it: the focus would fall to the top of the page. Where what had the focus is gone, such as a button that has done its work, the next row of
 * its list gets it, at the same button where it has that; without one the heading.
 */
export function useFocusReturn(): void {
  useEffect(() => {
    let last: HTMLElement | undefined
    /** The row of what had the focus, then the one after it, then the one before. */
    let rows: Element[] = []
    let name: string | null = null
    const remember = ({ target }: FocusEvent) => {
      if (!(target instanceof HTMLElement) || target.closest(`${dialog}, [role="menu"], [role="listbox"]`)) return
      last = target
      name = target.textContent
      const own = target.closest(row)
      rows = own === null ? [] : [own, own.nextElementSibling, own.previousElementSibling].flatMap(each => each ?? [])
    }
    const observer = new MutationObserver(changes => {
      if (last === undefined || document.activeElement !== document.body || document.querySelector(dialog)) return
      if (!last.isConnected) focusNext(rows, name)
      else if (changes.some(({ removedNodes }) => [...removedNodes].some(isDialog))) last.focus({ preventScroll: true })
    })
    document.addEventListener('focusin', remember)
    observer.observe(document.body, { childList: true, subtree: true })
    return () => {
      document.removeEventListener('focusin', remember)
      observer.disconnect()
    }
  }, [])
}

function focusNext([own, ...beside]: readonly Element[], name: string | null): void {
  const near = beside.filter(({ isConnected }) => isConnected)
  const controls = (of: Element) => [...(of.matches(focusable) ? [of] : []), ...of.querySelectorAll(focusable)].filter(each => each instanceof HTMLElement)
  const same = near.flatMap(controls).find(({ textContent }) => textContent === name)
  const next = same ?? [...(own?.isConnected ? [own] : []), ...near].flatMap(controls)[0]
  if (next) next.focus()
  else focusHeading()
}

/** The heading of the page, where somebody who cannot see it begins to read. */
export function focusHeading(): void {
  const heading = document.querySelector('h1')
  if (heading) heading.tabIndex = -1
  heading?.focus({ preventScroll: true })
}

const isDialog = (node: Node) => node instanceof HTMLElement && (node.matches(dialog) || node.querySelector(dialog) !== null)
