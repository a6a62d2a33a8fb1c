import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { readConfig } from '../src/app/config.ts'
import { startServer } from '../src/app/server.ts'
import type { Clock } from '../src/kernel/clock.ts'
import { openLog } from '../src/kernel/telemetry.ts'

// The server as it is, in a process of its own that can be killed; its clock is the real one, moved by what a file says.
const shiftFile = process.argv[2] ?? ''
const clock: Clock = { now: () => new Date(Date.now() + Number(readFileSync(shiftFile, 'utf8'))).toISOString() }
const config = readConfig(process.env)
const server = await startServer(config, openLog(config.logLevel, false), clock)
// One that is killed writes nothing at its end: the next is to start from what this one compiled.
flushCompileCache()
process.stdout.write(`${JSON.stringify({ origin: server.origin, setupLink: server.setupLink ?? null })}\n`)
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
