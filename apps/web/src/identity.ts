/** Asks who is there; true once a factor was given. */
type Ask = () => Promise<boolean>

/** The dialog is fetched after the page: who is quicker is asked once it is there. */
const dialog = Promise.withResolvers<Ask>()
let asked: Promise<boolean> | undefined

/** Says what asks: the dialog that the pages have open somewhere. */
export function askWith(next: Ask): void {
  dialog.resolve(next)
}

/** Asks the person to confirm their identity; several requests at once ask once. */
export async function confirmIdentity(): Promise<boolean> {
  asked ??= dialog.promise
    .then(ask => ask())
    .finally(() => {
      asked = undefined
    })
  return asked
}
