import { type QueryClient, type UseMutationResult, type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type CallInput, type CallReply, createClient, ProblemError, type RouteName, type routes } from '@tocsin/api'
import { useEffect, useRef } from 'react'
import { confirmIdentity } from './identity.ts'
import { serverClock } from './parts/clock.ts'
import { toast } from './parts/toast.ts'
import { queryClient } from './query-client.ts'

const isToConfirm = (type: string) => type === 'urn:tocsin:problem:reauthentication-required'

/** Sends a request. Where the server first wants to know who is there, the person is asked, and the request is repeated. */
const send: typeof fetch = async (input, init) => {
  const sentAt = Date.now()
  const reply = await fetch(input, init)
  serverClock.hear(reply.headers.get('date'), sentAt, Date.now())
  if (reply.status !== 403 || !reply.headers.get('content-type')?.startsWith('application/problem+json')) return reply
  const { type } = (await reply.clone().json()) as { type: string }
  if (!isToConfirm(type) || !(await confirmIdentity())) return reply
  // Its time has passed while the person was asked.
  return fetch(input, { ...init, signal: null })
}

export const call = createClient({ origin: '', retries: 2, fetch: send })

type Routes = typeof routes
export type Reply<Name extends RouteName> = CallReply<Routes[Name]>
type Input<Name extends RouteName> = CallInput<Routes[Name]>

// biome-ignore lint/plugin: the client's types hold for each name by itself; a name that is not known until run time needs this one step back
export const callAny = call as unknown as (name: RouteName, input?: unknown) => Promise<unknown>

/** What was refused is said at once. The client itself repeats what found the server away. */
export const retry = (count: number, { problem }: ProblemError): boolean => problem.status >= 500 && problem.status !== 503 && count < 3

/** Reads a route and keeps it fresh: the live stream invalidates what has changed. */
export function useApi<Name extends RouteName>(
  name: Name,
  input?: Input<Name>,
  options: { isEnabled?: boolean } = {},
): UseQueryResult<Reply<Name>, ProblemError> {
  return useQuery<Reply<Name>, ProblemError>({
    queryKey: [name, input ?? {}],
    queryFn: () => callAny(name, input) as Promise<Reply<Name>>,
    enabled: options.isEnabled ?? true,
    retry,
    staleTime: 5_000,
  })
}

/** What a command is about: what its path names, or everything that it says. */
const targetOf = (input: unknown) => JSON.stringify(typeof input === 'object' && input !== null && 'params' in input ? input.params : (input ?? null))

/**
 * A command: on success everything shown is read again; a problem is told, unless the form tells it. It is under way until the page shows what it
 * has changed, and takes no second press about the same thing meanwhile: that one would be about what is no more.
 */
export function useCommand<Name extends RouteName>(
  name: Name,
  options: { done?: string; onDone?: (reply: Reply<Name>, input: Input<Name>) => void; isQuiet?: boolean } = {},
): UseMutationResult<Reply<Name>, ProblemError, Input<Name>> {
  const client = useQueryClient()
  const underWay = useRef(new Set<string>())
  const mutation = useMutation<Reply<Name>, ProblemError, Input<Name>>({
    mutationFn: input => callAny(name, input) as Promise<Reply<Name>>,
    onSuccess: async (reply, input) => {
      const refreshed = refresh(client)
      if (options.done) toast({ message: options.done })
      options.onDone?.(reply, input)
      await refreshed
    },
    onError: error => {
      if (error.problem.status === 409) void refresh(client)
      if (!options.isQuiet) tellProblem(error)
    },
    onSettled: (_reply, _error, input) => void underWay.current.delete(targetOf(input)),
  })
  const mutate: typeof mutation.mutate = (...args) => {
    const target = targetOf(args[0])
    if (underWay.current.has(target)) return
    underWay.current.add(target)
    mutation.mutate(...args)
  }
  return { ...mutation, mutate }
}

/** Sends a command that belongs to no part of the page, such as one that takes back what a row did that is no longer there. */
export async function act<Name extends RouteName>(name: Name, input: Input<Name>): Promise<void> {
  await callAny(name, input)
  void refresh(queryClient)
}

export function tellProblem(error: unknown): void {
  // Who closed the dialog knows why nothing happened.
  if (error instanceof ProblemError && isToConfirm(error.problem.type)) return
  toast({ isProblem: true, title: 'Something went wrong', message: sentenceOf(error), autoClose: 8_000 })
}

/** What went wrong, in a sentence. Where there is no field to show it at, the field is named as people name it: “Person”, not `personId`. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ProblemError)) return String(error)
  const { detail, errors: [field] = [] } = error.problem
  if (field === undefined || detail !== `${field.path}: ${field.message}.`) return detail
  return fieldSentence(field.path, field.message)
}

/** What is wrong with a field, naming it as people do: “Wait minutes must be a whole number.” */
export function fieldSentence(path: string, message: string): string {
  const parts = path.split('.')
  const name = (parts.findLast(part => !/^\d+$/.test(part)) ?? '').replace(/Ids?$/, '').replace(/[A-Z]/g, capital => ` ${capital.toLowerCase()}`)
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${message}.`
}

/** What being read is itself on record is not read again by itself. */
const recordedReads: readonly string[] = ['reportOfAlert']

function refresh(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ predicate: query => !recordedReads.includes(String(query.queryKey[0])) })
}

const quietTypes = new Set(['incident.read', 'report.read', 'report-file.read', 'session.started', 'session.ended', 'session.confirmed', 'sessions.ended'])

/** Until a live stream that was refused is opened again; one whose connection broke, the browser opens by itself. */
const reopenMs = 10_000

/** Listens for changes and refetches: two people at one incident see each other's changes without a reload. */
export function useLive(isSignedIn: boolean): void {
  const client = useQueryClient()
  const wasClosed = useRef(false)
  useEffect(() => {
    if (!isSignedIn) return
    let source: EventSource
    let pending: ReturnType<typeof setTimeout> | undefined
    let again: ReturnType<typeof setTimeout> | undefined
    const open = () => {
      source = new EventSource('/api/v1/live')
      source.onmessage = message => {
        const { type } = JSON.parse(String(message.data)) as { type: string }
        if (quietTypes.has(type) || pending !== undefined) return
        pending = setTimeout(() => {
          pending = undefined
          void refresh(client)
        }, 80)
      }
      source.onerror = () => {
        wasClosed.current = true
        if (source.readyState !== EventSource.CLOSED) return
        // It was refused: the session has ended, which the next look at it tells, or the server is away behind its proxy.
        void client.invalidateQueries({ queryKey: ['me'] })
        again = setTimeout(open, reopenMs)
      }
      source.onopen = () => {
        // What happened while the stream was away was not heard.
        if (wasClosed.current) void refresh(client)
        wasClosed.current = false
      }
    }
    open()
    return () => {
      clearTimeout(pending)
      clearTimeout(again)
      source.close()
    }
  }, [isSignedIn, client])
}

/** Downloads what a route produces. */
export async function download(name: RouteName, input: object, fileName: string): Promise<void> {
  const reply = await call.raw(name, input)
  const url = URL.createObjectURL(await reply.blob())
  const link = document.createElement('a')
  link.href = url
  link.download = fileName
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
