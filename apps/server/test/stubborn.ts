import { createServer, type Socket } from 'node:net'

/** A mail server that stops at some point of the conversation, or refuses for now, for ever. */
export interface StubbornMailServer {
  readonly url: string
  /** Connections that are open. */
  readonly open: number
  /** Connections that there ever were. */
  readonly count: number
  /** What clients have written, in all connections. */
  readonly received: string
  stop(): Promise<void>
}

/** @param where `greeting` never greets, `ehlo` hears EHLO and says nothing more, `data` stops inside the mail, `4xx` answers 451 to each recipient */
export async function startStubbornMailServer(where: 'greeting' | 'ehlo' | 'data' | '4xx'): Promise<StubbornMailServer> {
  const sockets = new Set<Socket>()
  let count = 0
  let received = ''
  const server = createServer(socket => {
    count += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      const text = chunk.toString()
      received += text
      if (/^EHLO/m.test(text) && where !== 'ehlo') socket.write('250 stubborn\r\n')
      if (/^MAIL FROM/m.test(text)) socket.write('250 go on\r\n')
      if (/^RCPT TO/m.test(text)) socket.write(where === '4xx' ? '451 not now\r\n' : '250 go on\r\n')
      if (/^DATA/m.test(text)) socket.write('354 go on\r\n')
      if (/^RSET/m.test(text)) socket.write('250 go on\r\n')
      if (/^QUIT/m.test(text)) socket.end('221 bye\r\n')
    })
    if (where !== 'greeting') socket.write('220 stubborn\r\n')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `smtp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    get open() {
      return sockets.size
    },
    get count() {
      return count
    },
    get received() {
      return received
    },
    stop: () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
