/**
 * What `work` comes to, or the signal's reason as soon as it fires: whoever ignores the signal is not waited for, and what they come to later is dropped.
 * @throws the signal's reason
 */
export function endedBy<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
