import { z } from 'zod'
import { readConfig } from '../src/app/config.ts'
import { startServer } from '../src/app/server.ts'
import { openLog } from '../src/kernel/telemetry.ts'

// The server as `npm start` runs it, a pager beside it, whose own loop can be kept busy: nothing of the product has such a door.
const Asked = z.object({ busyMs: z.number().optional(), pid: z.boolean().optional() })
const config = readConfig(process.env)
const server = await startServer(config, openLog(config.logLevel, false), undefined, { paging: 'beside' })
process.on('message', message => {
  const { busyMs, pid } = Asked.parse(message)
  if (pid) process.send?.({ pid: server.pager?.pid ?? null })
  if (busyMs !== undefined) for (const end = performance.now() + busyMs; performance.now() < end; );
})
const stop = () => void server.stop().then(() => process.exit(0))
process.on('SIGTERM', stop)
process.on('disconnect', stop)
process.send?.({ origin: server.origin })
