/** Asks who is there; true once a factor was given. */
type Ask = () => Promise<boolean>

let ask: Ask = async () => false
let asked: Promise<boolean> | undefined

/** Says what asks: the dialog that the pages have open somewhere. */
export function askWith(next: Ask): void {
  ask = next
}

/** Asks the person to confirm their identity; several requests at once ask once. */
export async function confirmIdentity(): Promise<boolean> {
  asked ??= ask().finally(() => {
    asked = undefined
  })
  return asked
}
