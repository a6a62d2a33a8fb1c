import { createServer, type IncomingHttpHeaders } from 'node:http'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

type Answer = { status: number; body?: string } | undefined

/** An HTTP server that keeps what it receives and answers what it is told to: a provider, as far as its protocol is written down. */
export interface Peer {
  readonly url: string
  readonly received: Received[]
  /** What it answers from now on; undefined: it says nothing and holds the line. */
  answer: (request: Received) => Answer | Promise<Answer>
  stop(): Promise<void>
}

export async function startPeer(answer: Peer['answer'] = () => ({ status: 200 })): Promise<Peer> {
  const received: Received[] = []
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const got = { path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) }
      received.push(got)
      const said = await peer.answer(got)
      if (said) reply.writeHead(said.status, { 'content-type': 'application/json' }).end(said.body ?? '')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  const address = server.address()
  const peer: Peer = {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    received,
    answer,
    stop: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return peer
}
