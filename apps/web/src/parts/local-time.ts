/** Local date and time as `datetime-local` inputs write them, and back to an instant. */
export const toLocalInput = (at: Date) => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
export const fromLocalInput = (text: string) => (text === '' || Number.isNaN(Date.parse(text)) ? '' : new Date(text).toISOString())
