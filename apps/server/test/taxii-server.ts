import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A TAXII 2.1 server with one collection, as the specification (OASIS, June 2021) says: pages, added_after, match[type], Basic sign-in. */
export interface TaxiiServer {
  readonly collection: string
  /** Objects with when they were added, oldest first. */
  readonly objects: { added: string; object: { type: string; id: string } & Record<string, unknown> }[]
  readonly requests: { url: URL; accept: string | undefined }[]
  /** Answers with this status instead, while it is set. */
  failWith: number | undefined
  stop(): Promise<void>
}

const pageSize = 2
const mediaType = 'application/taxii+json;version=2.1'

export async function startTaxiiServer(username: string, password: string): Promise<TaxiiServer> {
  const path = '/api1/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/'
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://taxii')
    server.requests.push({ url, accept: request.headers.accept })
    const answer = (status: number, body: object, headers: Record<string, string> = {}) => {
      response.writeHead(status, { 'content-type': mediaType, ...headers })
      response.end(JSON.stringify(body))
    }
    if (server.failWith !== undefined) return answer(server.failWith, { title: 'Error', http_status: String(server.failWith) })
    if (request.headers.authorization !== authorization) return answer(401, { title: 'Unauthorized' }, { 'www-authenticate': 'Basic' })
    if (request.headers.accept !== mediaType) return answer(406, { title: 'Not Acceptable' })
    if (url.pathname !== `${path}objects/`) return answer(404, { title: 'Not Found' })
    const after = url.searchParams.get('added_after') ?? ''
    const types = (url.searchParams.get('match[type]') ?? '').split(',').filter(Boolean)
    const from = Number(url.searchParams.get('next') ?? 0)
    const all = server.objects.filter(({ added, object }) => added > after && (types.length === 0 || types.includes(object.type)))
    const page = all.slice(from, from + pageSize)
    const more = from + pageSize < all.length
    const [first, last] = [page[0]?.added, page.at(-1)?.added]
    const dates = first && last ? { 'x-taxii-date-added-first': first, 'x-taxii-date-added-last': last } : undefined
    return answer(200, { ...(more ? { more, next: String(from + pageSize) } : {}), objects: page.map(({ object }) => object) }, dates)
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  const server: TaxiiServer = {
    collection: `http://127.0.0.1:${(http.address() as AddressInfo).port}${path}`,
    objects: [],
    requests: [],
    failWith: undefined,
    stop: () => new Promise(resolve => http.close(() => resolve())),
  }
  return server
}
