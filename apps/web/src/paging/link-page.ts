// The script of the page of a private link, which the server writes: it says what is under way and shows the answer in place. The page works without it,
// on the slowest network before it is here, and so it is alone: no library.

/** Who waits longer for an answer has to know that there is none. */
const patienceMs = 10_000

/** An act of a person, sent again with the same key, by which the server carries it out once. */
interface Act {
  readonly address: string
  readonly body: URLSearchParams
  readonly key: string
  readonly doing: string
  readonly failed: string
  /** Repeated by itself once the network is back: nobody regrets an acknowledgement that came late, and it is not repeated after an answer. */
  readonly isRepeated: boolean
}

let running = false
let failed: Act | undefined

const part = (name: string, root: ParentNode = document) => root.querySelector<HTMLElement>(`[data-part="${name}"]`)

function say(name: 'status' | 'problem', ...what: (string | Node)[]): void {
  part(name)?.replaceChildren(...what)
}

/** While one act runs no other can be started. */
function disable(isDisabled: boolean): void {
  running = isDisabled
  for (const control of document.querySelectorAll<HTMLButtonElement | HTMLInputElement>('main button, main input')) control.disabled = isDisabled
}

/** Shows the page as the server answered it. False for what is no page of a link, as an answer of a proxy. */
function show(text: string): boolean {
  const answer = new DOMParser().parseFromString(text, 'text/html')
  if (part('acts', answer) === null) return false
  for (const fresh of answer.querySelectorAll<HTMLElement>('[data-part]')) part(fresh.dataset.part ?? '')?.replaceChildren(...fresh.childNodes)
  document.title = answer.title
  tellTimes()
  return true
}

/** Times in the viewer's zone, and as the server wrote them where one points. */
function tellTimes(): void {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  const format = new Intl.DateTimeFormat('en', {
    ...{ month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short' },
    ...(timeZone ? { timeZone } : {}),
  })
  for (const time of document.querySelectorAll('time')) {
    time.title = time.textContent ?? ''
    time.textContent = format.format(new Date(time.dateTime))
  }
}

const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')

async function send(act: Act): Promise<void> {
  if (running) return
  failed = undefined
  disable(true)
  say('problem')
  say('status', act.doing)
  try {
    const reply = await fetch(act.address, {
      method: 'POST',
      headers: { 'idempotency-key': act.key, prefer: 'return=representation' },
      body: act.body,
      signal: AbortSignal.timeout(patienceMs),
    })
    const text = await reply.text()
    disable(false)
    if (reply.status >= 500 || !show(text)) return fail(act, `The server answered ${reply.status}.`)
    part('status')?.focus()
  } catch (error) {
    disable(false)
    const isLate = error instanceof DOMException && error.name === 'TimeoutError'
    fail(act, isLate ? `No answer within ${patienceMs / 1_000} seconds.` : 'There is no connection.')
  }
}

function fail(act: Act, why: string): void {
  failed = act
  const again = document.createElement('button')
  again.textContent = 'Retry'
  again.type = 'button'
  again.addEventListener('click', () => void send(act))
  say('status')
  say('problem', `${act.failed} ${why}${act.isRepeated ? ' It is sent again when the network is back.' : ''} `, again)
  again.focus()
}

document.addEventListener('submit', event => {
  const { target: form, submitter } = event
  if (!(form instanceof HTMLFormElement && submitter instanceof HTMLButtonElement)) return
  event.preventDefault()
  const body = new URLSearchParams()
  for (const [name, value] of new FormData(form, submitter)) body.append(name, String(value))
  const { doing = '', failed: sentence = '' } = submitter.dataset
  void send({ address: form.action, body, key: randomKey(), doing, failed: sentence, isRepeated: submitter.value === 'acknowledge' })
})
addEventListener('online', () => {
  if (failed?.isRepeated) void send(failed)
})
// A page that the browser kept shows what was then.
addEventListener('pageshow', event => {
  if (event.persisted) location.reload()
})
tellTimes()
