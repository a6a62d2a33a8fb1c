import { capped } from './capped.ts'

let name = 'Tocsin'
let count = 0

function show(): void {
  document.title = `${count > 0 ? `(${capped(count)}) ` : ''}${name === 'Tocsin' ? name : `${name} · Tocsin`}`
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  const href = count > 0 ? '/bell-unread.svg' : '/bell.svg'
  if (icon && icon.getAttribute('href') !== href) icon.href = href
}

/** What the tab of the browser says: how many pages to this person wait, and which page it shows. */
export const titleOf = {
  page(next: string): void {
    name = next
    show()
  },
  count(next: number | undefined): void {
    // What is not known is no change.
    if (next === undefined) return
    count = next
    show()
  },
}
