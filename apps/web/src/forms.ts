import { type UseFormReturnType, useForm } from '@mantine/form'
import { ProblemError, type RouteName } from '@tocsin/api'
import { type ReactNode, useRef, useState } from 'react'
import { type Reply, sentenceOf, useCommand } from './api.ts'

type Values = Record<string, unknown>
type Contract = typeof import('./contract.ts')
type Schema = Parameters<Contract['validate']>[0]

let contract: Contract | undefined

/** Fetches the schemas of the contract while somebody types. Where they do not come, the server alone says what is wrong. */
export async function fetchContract(): Promise<void> {
  contract ??= await import('./contract.ts').catch(() => undefined)
}

/** What is wrong with one word of a list stands at the list, and names the word: the words have no fields of their own. */
function atLists(errors: Record<string, ReactNode>, body: unknown): Record<string, ReactNode> {
  return Object.fromEntries(
    Object.entries(errors).map(([path, message]) => {
      const keys = path.split('.')
      const item = keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], body)
      return typeof item === 'string' && /^\d+$/.test(keys.at(-1) ?? '') ? [keys.slice(0, -1).join('.'), `“${item}” ${String(message)}`] : [path, message]
    }),
  )
}

/** What is wrong with each field of a body, in the words of the contract; the first thing where there are several. */
export function errorsOf(name: RouteName, values: unknown): Record<string, string> {
  const { body } = (contract?.routes[name] ?? {}) as { body?: Schema }
  if (contract === undefined || body === undefined) return {}
  const checked = contract.validate(body, values)
  return 'errors' in checked ? Object.fromEntries(checked.errors.toReversed().map(({ path, message }) => [path, message])) : {}
}

/** The first field that is wrong gets the focus, with what is wrong as its description: once the form shows it. */
function focusInvalid(form: EventTarget | undefined): void {
  setTimeout(() => {
    if (!(form instanceof HTMLFormElement)) return
    const field = form.querySelector('.mantine-InputWrapper-error')?.closest('.mantine-InputWrapper-root')
    field?.querySelector<HTMLElement>('input:not([type="hidden"]), textarea, select, button')?.focus()
  })
}

interface RouteFormOptions<Name extends RouteName, V extends Values> {
  readonly done?: string
  readonly onDone?: (reply: Reply<Name>) => void
  /** As `onDone`, once the page shows what was saved. */
  readonly onShown?: (reply: Reply<Name>) => void
  readonly around?: () => object
  readonly toBody?: (values: V) => unknown
}

interface RouteForm<V extends Values> {
  readonly form: UseFormReturnType<V>
  readonly submit: (event?: React.FormEvent<HTMLFormElement>) => void
  readonly isBusy: boolean
}

/**
 * A form for the body of a route: its messages are those of the contract, and what the server says of a field stands at the field.
 * `around` gives what of the call is not the body.
 */
export function useRouteForm<Name extends RouteName, V extends Values>(name: Name, initialValues: V, options: RouteFormOptions<Name, V> = {}): RouteForm<V> {
  const toBody = options.toBody ?? ((values: V) => values)
  const validate = (values: V): Record<string, ReactNode> => {
    const sent = toBody(values) as Values
    return atLists(errorsOf(name, sent), sent)
  }
  const form = useForm<V>({ initialValues, validate, onValuesChange: () => void fetchContract() })
  const command = useCommand(name, { ...options, isQuiet: true })
  const shown = useRef<EventTarget>(undefined)
  const send = form.onSubmit(
    values => {
      // biome-ignore lint/plugin: what a form holds is checked by the route's own schema just above; its type is as wide as inputs are
      command.mutate({ ...options.around?.(), body: toBody(values) } as never, {
        onSuccess: reply => options.onShown?.(reply),
        onError: error => {
          const errors = error instanceof ProblemError ? (error.problem.errors ?? []) : []
          const known = errors.filter(each => each.path.split('.')[0] !== undefined && (each.path.split('.')[0] ?? '') in initialValues)
          form.setErrors(
            known.length > 0 ? atLists(Object.fromEntries(known.map(each => [each.path, each.message])), toBody(values)) : { form: sentenceOf(error, name) },
          )
          focusInvalid(shown.current)
        },
      })
    },
    () => focusInvalid(shown.current),
  )
  const submit = (event?: React.FormEvent<HTMLFormElement>) => {
    shown.current = event?.target
    if (contract !== undefined) return send(event)
    event?.preventDefault()
    void fetchContract().then(() => send())
  }
  return { form, submit, isBusy: command.isPending }
}

/** True if both are the same to whoever reads the form: the keys of rows are its own affair. */
const isSame = (one: unknown, other: unknown) => textOf(one) === textOf(other)
const textOf = (value: unknown) => JSON.stringify(value, (name, inner: unknown) => (name === 'key' ? undefined : inner))

/** A longer text than this is not repeated at its field. */
const maxShown = 1_000

/** Says at a field that somebody else has changed it too, and to what where words can tell. */
function replacing(name: string, theirs: unknown): string {
  if (typeof theirs !== 'string' || name.endsWith('Id') || theirs.length > maxShown) return 'Somebody else changed this too. Saving replaces their change.'
  return theirs === '' ? 'Somebody else cleared this. Saving restores yours.' : `Somebody else saved “${theirs}”. Saving replaces it.`
}

/**
 * A form that changes a record of which there are versions. It sends the version that it was opened with, however often the page has refreshed
 * the record under it: the server then refuses to overwrite what somebody else has saved meanwhile.
 * It stays until the page shows what it has saved, so that whoever opens the next form does not meet their own change in it.
 * @param record as the page knows it now; null or undefined where there is none yet, and the form creates it
 * @param valuesOf what the form shows of a record
 * @param options.restsOn what of the record the form is about, where that is not all of it: a newer version in which this is the same is no other
 * one to the form, and is sent
 * @returns with `newer` once the page knows a newer version: it is taken over, but for the fields in which something was typed; and with `hold`
 * for a form that stays open after saving: the version that it has saved is now its own
 * @returns also `isTyped`: true while the form says something else than the version that it holds
 */
export function useRecordForm<Name extends RouteName, R extends { readonly version: number } | null | undefined, V extends Values>(
  name: Name,
  record: R,
  valuesOf: (record: R) => V,
  options: RouteFormOptions<Name, V> & { restsOn?: (record: R) => unknown } = {},
): RouteForm<V> & { isTyped: boolean; newer: (() => void) | undefined; version: number | undefined; hold: (record: R) => void } {
  const { toBody = (values: V): unknown => values, restsOn = (each: R): unknown => each?.version, onDone, ...others } = options
  const opened = (each: R) => ({ version: each?.version, values: valuesOf(each), basis: restsOn(each) })
  const [held, setHeld] = useState(() => opened(record))
  const isSameToForm = record !== null && record !== undefined && isSame(restsOn(record), held.basis)
  const version = isSameToForm ? record.version : held.version
  const { form, submit, isBusy } = useRouteForm(name, held.values, {
    ...others,
    ...(onDone ? { onShown: onDone } : {}),
    toBody: values => ({ ...Object(toBody(values)), ...(version === undefined ? {} : { version }) }),
  })
  const isOutdated = !isBusy && record?.version !== undefined && record.version !== version
  const typed = Object.entries(form.values).filter(([key, value]) => !isSame(value, held.values[key]))
  const newer = () => {
    const theirs = valuesOf(record)
    const both = typed.filter(([key, value]) => !isSame(theirs[key], held.values[key]) && !isSame(theirs[key], value)).map(([key]) => key)
    form.setValues({ ...theirs, ...Object.fromEntries(typed) })
    // Rows have fields of their own, and no place for what concerns them all.
    form.setErrors(Object.fromEntries(both.map(key => [hasRows(theirs[key]) || hasRows(form.values[key]) ? 'form' : key, replacing(key, theirs[key])])))
    setHeld(opened(record))
  }
  return {
    form,
    submit,
    isBusy,
    isTyped: typed.length > 0,
    newer: isOutdated ? newer : undefined,
    version,
    hold: saved => setHeld(opened(saved)),
  }
}

const hasRows = (value: unknown) => Array.isArray(value) && value.some(row => typeof row === 'object')
