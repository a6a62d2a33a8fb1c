import { Line, problemKinds, SnoozeMinutes } from '@tocsin/api'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AppContext } from '../../access/index.ts'
import { isUnavailable, transactionRetried } from '../../kernel/database.ts'
import type { Drain } from '../../kernel/drain.ts'
import { describeRequest, type Idempotency, readKey } from '../../kernel/idempotency.ts'
import { parse } from '../../kernel/own-body.ts'
import { AppProblem } from '../../kernel/problems.ts'
import { perMinute } from '../../kernel/request-limits.ts'
import { actByLink, type LinkAct } from './acts.ts'
import { contentSecurityPolicy, type LinkView, linkPage } from './render.ts'

const maxFormBytes = 65_536
const limit = (max: number) => ({ rateLimit: { max, timeWindow: 60_000 } })

const levels = z
  .string()
  .max(60_000)
  .regex(/^\d+(?:,\d+)*$/, 'must be whole numbers with commas between them')
  .transform(text => text.split(',').map(Number))
/** The forms of the page, by the button that was pressed. */
const Form = z.discriminatedUnion('act', [
  z.object({ act: z.literal('acknowledge') }),
  z.object({ act: z.literal('release') }),
  z.object({ act: z.literal('escalate'), levels }),
  z.object({ act: z.literal('snooze'), minutes: z.string().transform(Number).pipe(SnoozeMinutes) }),
])
const who = Line(200)
/** The form that names a colleague has an address of its own: whoever holds a link may guess only so many names. */
const ColleagueForm = z.object({ act: z.enum(['reassign', 'add-responder']), who })

const Done = z.object({ done: z.enum(['acknowledge', 'release', 'escalate', 'snooze', 'reassign', 'add-responder']).optional().catch(undefined) })
type Services = { readonly drain: Drain; readonly idempotency: Idempotency; readonly script: string | undefined }
type LinkRequest = FastifyRequest<{ Params: { token: string } }>

/**
 * The page of a private link, written here: it is there after one request on the slowest network, and its buttons are forms. Reading it changes nothing, as mail
 * scanners read it too; what a form did is shown under an address that does nothing, so that neither reload nor Back does it again.
 */
export function mountLinkPage(http: FastifyInstance, context: AppContext, { drain, idempotency, script }: Services): void {
  const database = drain.guard(context.database)
  const show = (reply: FastifyReply, { params }: LinkRequest, view: Partial<LinkView>) =>
    reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', contentSecurityPolicy)
      .header('cache-control', 'no-store')
      .send(linkPage({ token: params.token, script, now: context.clock.now(), ...view }))

  /** Runs an act, one that is sent again by its script only once, and reads the page as it then is. */
  const run = (request: LinkRequest, act: LinkAct) => {
    const { token } = request.params
    const key = act.act === 'view' ? undefined : readKey(request.headers['idempotency-key'])
    const origin = { address: request.ip, device: (request.headers['user-agent'] ?? '').slice(0, 300) }
    return transactionRetried(database, async plain => {
      const tx = { ...plain, origin }
      if (key === undefined) return actByLink(tx, context, token, act)
      const repeatable = await describeRequest(key, undefined, 'POST /a/{token}', { params: { token }, query: {}, body: act, files: [] })
      await idempotency.command(
        tx,
        repeatable,
        async () => void (await actByLink(tx, context, token, act)),
        () => true,
      )
      return actByLink(tx, context, token, { act: 'view' })
    })
  }

  const answer = async (request: LinkRequest, reply: FastifyReply, act: LinkAct & { readonly act: NonNullable<LinkView['done']> }) => {
    const page = await run(request, act)
    // The script shows the page in place and saves a round trip; a browser without it is led to where a reload does nothing.
    if (request.headers.prefer === 'return=representation') return show(reply, request, { page, done: act.act })
    return reply.redirect(`/a/${encodeURIComponent(request.params.token)}?done=${act.act}`, 303)
  }

  /** A refusal is the page again, with the sentence and what was typed. */
  const refuse = async (error: unknown, request: LinkRequest, reply: FastifyReply) => {
    const problem = problemIn(error)
    if (problem === undefined) throw error
    const page = problem.kind === 'not-found' || problem.kind === 'unavailable' ? undefined : await run(request, { act: 'view' }).catch(() => undefined)
    const typed = request.body instanceof URLSearchParams ? (request.body.get('who') ?? undefined) : undefined
    reply.code(problemKinds[problem.kind])
    if (problem.retryAfterSeconds !== undefined || problem.kind === 'unavailable') reply.header('retry-after', String(problem.retryAfterSeconds ?? 2))
    return show(reply, request, { page, problem: problem.message, who: typed?.slice(0, 200) })
  }

  void http.register(async inner => {
    inner.removeAllContentTypeParsers()
    inner.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: maxFormBytes }, (_request, body, done) =>
      done(null, new URLSearchParams(String(body))),
    )
    inner.setErrorHandler<Error, { Params: { token: string } }>(refuse)
    inner.get<{ Params: { token: string } }>('/a/:token', { config: limit(perMinute.public) }, async (request, reply) =>
      show(reply, request, { page: await run(request, { act: 'view' }), done: Done.parse(request.query).done }),
    )
    inner.post<{ Params: { token: string } }>('/a/:token', { config: limit(perMinute.public) }, async (request, reply) =>
      answer(request, reply, read(Form, request.body)),
    )
    inner.post<{ Params: { token: string } }>('/a/:token/colleague', { config: limit(20) }, async (request, reply) => {
      const form = read(ColleagueForm, request.body)
      return answer(request, reply, form.act === 'reassign' ? { act: 'reassign', to: form.who } : { act: 'add-responder', who: form.who })
    })
  })
}

/** @throws AppProblem invalid, naming the field */
const read = <Shape extends z.ZodType>(schema: Shape, body: unknown): z.output<Shape> =>
  parse(schema, body instanceof URLSearchParams ? Object.fromEntries(body) : {}, 'body')

/** What a person can be told; undefined for faults, which are answered and logged as anywhere. */
function problemIn(error: unknown): AppProblem | undefined {
  if (error instanceof AppProblem) return error
  return isUnavailable(error) ? new AppProblem('unavailable', 'The database does not respond. Try again in a moment.') : undefined
}
