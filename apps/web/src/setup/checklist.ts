import type { SetupStep } from '@tocsin/api'
import { useEffect } from 'react'
import { useApi } from '../api.ts'
import { refresh } from '../refresh.ts'
import { useMay } from '../session.ts'

/** How often the checklist is read again while it is open: what a mail server or a log source does writes no entry to hear of. */
const everyMs = 5_000

/** The setup checklist, for who may see it. @param isLive whether it is read again all the time */
export function useChecklist({ isLive = false } = {}) {
  const mayLead = useMay('lead')
  const checklist = useApi('setupChecklist', {}, { isEnabled: mayLead })
  const reads = isLive && mayLead
  useEffect(() => {
    if (!reads) return
    const timer = setInterval(() => void refresh(new Set(['setupChecklist'])), everyMs)
    return () => clearInterval(timer)
  }, [reads])
  return checklist
}

/** Such as `5 of 9`. */
export const progressOf = (steps: readonly SetupStep[]) => `${steps.filter(({ state }) => state === 'done').length} of ${steps.length}`
