import { type UseMutationResult, type UseQueryResult, useMutation, useQuery } from '@tanstack/react-query'
import { type CallInput, type CallReply, createClient, ProblemError, type RouteName, type routes } from '@tocsin/api'
import { useRef } from 'react'
import { confirmIdentity } from './identity.ts'
import { reached } from './live.ts'
import { serverClock } from './parts/clock.ts'
import { toast } from './parts/toast.ts'
import { refresh } from './refresh.ts'
import { undoneWords } from './undone.ts'

const isToConfirm = (type: string) => type === 'urn:tocsin:problem:reauthentication-required'

/** Sends a request. Where the server first wants to know who is there, the person is asked, and the request is repeated. */
const send: typeof fetch = async (input, init) => {
  const sentAt = Date.now()
  const reply = await fetch(input, init).catch((error: unknown) => {
    reached(init?.signal?.aborted === true)
    throw error
  })
  reached(true)
  serverClock.hear(reply.headers.get('date'), sentAt, Date.now())
  if (reply.status !== 403 || !reply.headers.get('content-type')?.startsWith('application/problem+json')) return reply
  const { type } = (await reply.clone().json()) as { type: string }
  if (!isToConfirm(type) || !(await confirmIdentity())) return reply
  // Its time has passed while the person was asked.
  return fetch(input, { ...init, signal: null })
}

export const call = createClient({ origin: '', retries: 2, replySeconds: 30, fetch: send })

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
  const underWay = useRef(new Set<string>())
  const mutation = useMutation<Reply<Name>, ProblemError, Input<Name>>({
    mutationFn: input => callAny(name, input) as Promise<Reply<Name>>,
    onSuccess: async (reply, input) => {
      const refreshed = refresh()
      if (options.done) toast({ message: options.done })
      options.onDone?.(reply, input)
      await refreshed
    },
    onError: error => {
      if (error.problem.status === 409) void refresh()
      if (!options.isQuiet) tellProblem(error, name)
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
  void refresh()
}

/** Tells what went wrong; where no connection was found, also what therefore did not happen. @param act the command that it was */
export function tellProblem(error: unknown, act?: RouteName): void {
  // Who closed the dialog knows why nothing happened.
  if (error instanceof ProblemError && isToConfirm(error.problem.type)) return
  toast({ isProblem: true, title: 'Something went wrong', message: sentenceOf(error, act), autoClose: 8_000 })
}

/** What went wrong, in a sentence. Where there is no field to show it at, the field is named as people name it: “Person”, not `personId`. */
export function sentenceOf(error: unknown, act?: RouteName): string {
  if (!(error instanceof ProblemError)) return String(error)
  if (error.unanswered === 'unreachable') return act ? `No connection: ${undoneWords(act)}.` : 'No connection to Tocsin.'
  if (error.unanswered === 'late') return act ? 'No answer from Tocsin. Check whether it was done before you try again.' : 'No answer from Tocsin.'
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
