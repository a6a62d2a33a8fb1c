import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Taken } from './mail-sink.ts'

/** The mail server's process. */
export class Sink {
  readonly #child = fork(fileURLToPath(new URL('./mail-sink.ts', import.meta.url)))
  readonly port = new Promise<number>(resolve => this.#child.once('message', (message: { port: number }) => resolve(message.port)))

  async taken(): Promise<Taken[]> {
    const answer = new Promise<Taken[]>(resolve => this.#child.once('message', (message: { taken: Taken[] }) => resolve(message.taken)))
    this.#child.send('taken')
    return answer
  }
  forget(): void {
    this.#child.send('forget')
  }
  stop(): void {
    this.#child.kill()
  }
}

/** What has come once nothing has come for `quietMs`, or `enough` of it has. */
export async function settled(sink: Sink, isOurs: (mail: Taken) => boolean, quietMs: number, enough = Number.POSITIVE_INFINITY): Promise<Taken[]> {
  for (let before = -1, since = Date.now(); ; ) {
    const found = (await sink.taken()).filter(isOurs)
    if (found.length >= enough) return found
    if (found.length !== before) since = Date.now()
    else if (Date.now() - since > quietMs) return found
    before = found.length
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}
