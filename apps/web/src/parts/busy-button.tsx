import type { ComponentPropsWithRef } from 'react'

/**
 * The element of every button. One whose act is under way takes no press, and keeps the focus: a disabled one would lose it, and who works by keyboard
 * would start again at the top of the page.
 */
export function BusyButton({ disabled, onClick, type = 'button', ...others }: ComponentPropsWithRef<'button'> & { 'data-loading'?: boolean | string }) {
  const isBusy = disabled === true && others['data-loading'] !== undefined && others['data-loading'] !== false
  return (
    <button
      {...others}
      type={type}
      disabled={disabled === true && !isBusy}
      aria-disabled={isBusy || undefined}
      aria-busy={isBusy || undefined}
      onClick={isBusy ? event => event.preventDefault() : onClick}
    />
  )
}
