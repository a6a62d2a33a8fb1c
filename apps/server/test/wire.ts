import { connect, createServer, type Socket } from 'node:net'

export interface Wire {
  readonly url: string
  cut(): void
  /** Nothing comes through any more, and nobody is told: what a broken network looks like. */
  hush(): void
  restore(): void
  stop(): void
}

/** A wire to a database that can be cut: connections end, and none is made until it is restored. It lies on the network, also where the database listens on a socket only. */
export async function layWire(url: string, port = 0): Promise<Wire> {
  const target = new URL(url)
  const isSocket = target.hostname.startsWith('%2F')
  const ends = new Set<Socket>()
  let isCut = false
  let isHushed = false
  const server = createServer(near => {
    if (isCut) return near.destroy()
    const far = isSocket ? connect(`${decodeURIComponent(target.hostname)}/.s.PGSQL.${target.port}`) : connect(Number(target.port), target.hostname)
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        ends.delete(one)
        other.destroy()
      })
      one.pipe(other)
      if (isHushed) one.pause()
    }
    return undefined
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', () => resolve()))
  const address = server.address()
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(typeof address === 'object' && address ? address.port : 0)
  return {
    url: own.href,
    cut() {
      isCut = true
      for (const end of ends) end.destroy()
    },
    hush() {
      isHushed = true
      for (const end of ends) end.pause()
    },
    restore() {
      isCut = false
      isHushed = false
      for (const end of ends) end.resume()
    },
    stop() {
      server.close()
      for (const end of ends) end.destroy()
    },
  }
}
