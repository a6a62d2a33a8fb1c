import { schemaResolver, type UseFormReturnType, useForm } from '@mantine/form'
import { ProblemError, type RouteName, routes } from '@tocsin/api'
import { useAct } from './api.ts'

type Values = Record<string, unknown>

/**
 * A form for the body of a route: its messages are those of the contract, and what the server says of a field stands at the field.
 * `around` gives what of the call is not the body.
 */
export function useRouteForm<V extends Values>(
  name: RouteName,
  initialValues: V,
  options: { done?: string; onDone?: (reply: never) => void; around?: () => object; toBody?: (values: V) => unknown } = {},
): { form: UseFormReturnType<V>; submit: (event?: React.FormEvent<HTMLFormElement>) => void; isBusy: boolean } {
  const { body } = routes[name] as { body?: Parameters<typeof schemaResolver>[0] }
  const toBody = options.toBody ?? ((values: V) => values)
  const check = body ? schemaResolver(body, { sync: true }) : undefined
  const form = useForm<V>({ initialValues, validate: values => (check ? check(toBody(values) as Values) : {}) as never })
  const act = useAct(name, { ...(options.done ? { done: options.done } : {}), onDone: reply => options.onDone?.(reply as never), isQuiet: true })
  const submit = form.onSubmit(values => {
    act.mutate({ ...options.around?.(), body: toBody(values) } as never, {
      onError: error => {
        const errors = error instanceof ProblemError ? (error.problem.errors ?? []) : []
        const known = errors.filter(each => each.path.split('.')[0] !== undefined && (each.path.split('.')[0] ?? '') in initialValues)
        form.setErrors(known.length > 0 ? Object.fromEntries(known.map(each => [each.path, each.message])) : { form: error.message })
      },
    })
  })
  return { form, submit, isBusy: act.isPending }
}
