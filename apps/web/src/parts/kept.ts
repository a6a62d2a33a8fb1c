import { useEffect, useState } from 'react'

type Keep<R> = (record: R | undefined) => void

/** The records of a list, and the one that somebody is writing about also after it has left the list: what was typed must not leave with it. */
export function useKept<R extends { readonly id: string }>(records: readonly R[] | undefined): { records: readonly R[] | undefined; keep: Keep<R> } {
  const [kept, keep] = useState<R>()
  return { records: kept && records && !records.some(({ id }) => id === kept.id) ? [...records, kept] : records, keep }
}

/** Keeps a record in its list while a dialog about it is open. */
export function useKeeping<R>(isOpen: boolean, record: R, keep: Keep<R> | undefined): void {
  useEffect(() => {
    if (!isOpen || !keep) return
    keep(record)
    return () => keep(undefined)
  }, [isOpen, record, keep])
}
