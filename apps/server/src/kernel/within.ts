/** Waits for something no longer than so many milliseconds. What it comes to later is dropped. @throws Error when it takes longer */
export async function withinMs<T>(ms: number, waited: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms)
  })
  // What fails after the time is nobody's any more.
  waited.catch(() => undefined)
  return Promise.race([waited, late]).finally(() => clearTimeout(timer))
}
