import { useQueryClient } from '@tanstack/react-query'
import { idempotencyKey } from '@tocsin/api'
import { useState } from 'react'
import { tellProblem } from './api.ts'

/** Sends files as a form: the client of the contract carries JSON. On success everything shown is read again. */
export function useUpload<Reply>(onDone: (reply: Reply) => void): {
  send: (path: string, files: readonly File[], fields?: Record<string, string>) => void
  isBusy: boolean
} {
  const client = useQueryClient()
  const [isBusy, setIsBusy] = useState(false)
  const upload = async (path: string, files: readonly File[], fields: Record<string, string>) => {
    setIsBusy(true)
    try {
      const form = new FormData()
      for (const [name, value] of Object.entries(fields)) form.append(name, value)
      for (const file of files) form.append('files', file, file.name)
      const reply = await fetch(path, { method: 'POST', body: form, headers: { 'idempotency-key': idempotencyKey() } })
      const answer = (await reply.json()) as Reply & { detail?: string }
      if (!reply.ok) throw new Error(answer.detail ?? 'The files could not be uploaded.')
      onDone(answer)
      await client.invalidateQueries()
    } catch (error) {
      tellProblem(error instanceof Error ? error.message : error)
    } finally {
      setIsBusy(false)
    }
  }
  return { send: (path, files, fields = {}) => void (files.length > 0 && upload(path, files, fields)), isBusy }
}
