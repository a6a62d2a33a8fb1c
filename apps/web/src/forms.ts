import { type UseFormReturnType, useForm } from '@mantine/form'
import { ProblemError, type RouteName, routes, validate } from '@tocsin/api'
import type { ReactNode } from 'react'
import { type Reply, useCommand } from './api.ts'

type Values = Record<string, unknown>
type Schema = Parameters<typeof validate>[0]

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

/** What is wrong with each field, in the words of the contract; the first thing where there are several. */
export function errorsOf(schema: Schema, values: unknown): Record<string, string> {
  const checked = validate(schema, values)
  return 'errors' in checked ? Object.fromEntries(checked.errors.toReversed().map(({ path, message }) => [path, message])) : {}
}

/**
 * A form for the body of a route: its messages are those of the contract, and what the server says of a field stands at the field.
 * `around` gives what of the call is not the body.
 */
export function useRouteForm<Name extends RouteName, V extends Values>(
  name: Name,
  initialValues: V,
  options: { done?: string; onDone?: (reply: Reply<Name>) => void; around?: () => object; toBody?: (values: V) => unknown } = {},
): { form: UseFormReturnType<V>; submit: (event?: React.FormEvent<HTMLFormElement>) => void; isBusy: boolean } {
  const { body } = routes[name] as { body?: Schema }
  const toBody = options.toBody ?? ((values: V) => values)
  const validate = (values: V): Record<string, ReactNode> => {
    const sent = toBody(values) as Values
    return body ? atLists(errorsOf(body, sent), sent) : {}
  }
  const form = useForm<V>({ initialValues, validate })
  const command = useCommand(name, { ...options, isQuiet: true })
  const submit = form.onSubmit(values => {
    // biome-ignore lint/plugin: what a form holds is checked by the route's own schema just above; its type is as wide as inputs are
    command.mutate({ ...options.around?.(), body: toBody(values) } as never, {
      onError: error => {
        const errors = error instanceof ProblemError ? (error.problem.errors ?? []) : []
        const known = errors.filter(each => each.path.split('.')[0] !== undefined && (each.path.split('.')[0] ?? '') in initialValues)
        form.setErrors(known.length > 0 ? atLists(Object.fromEntries(known.map(each => [each.path, each.message])), toBody(values)) : { form: error.message })
      },
    })
  })
  return { form, submit, isBusy: command.isPending }
}
