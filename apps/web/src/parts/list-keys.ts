import { useEffect, useRef, useState } from 'react'

/** `j` and `k` move through a list, Enter opens: returns which row is selected. */
export function useListKeys(ids: readonly string[], onOpen: (id: string) => void): string | undefined {
  const [selected, setSelected] = useState<string>()
  const latest = useRef({ ids, selected, onOpen })
  latest.current = { ids, selected, onOpen }
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT|BUTTON|A)$/.test(target.tagName)) return
      const { ids: rows, selected: current, onOpen: open } = latest.current
      const at = current === undefined ? -1 : rows.indexOf(current)
      if (event.key === 'j') setSelected(rows[Math.min(rows.length - 1, at + 1)])
      if (event.key === 'k') setSelected(rows[Math.max(0, at - 1)])
      if (event.key === 'Enter' && current !== undefined && rows.includes(current)) open(current)
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  return selected
}
