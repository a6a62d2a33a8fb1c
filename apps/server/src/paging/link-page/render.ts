import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isUnacknowledged, type PageView } from '@tocsin/api'
import { when } from '@tocsin/events'
import { Html, html } from '../../kernel/html.ts'
import type { LinkAct } from './acts.ts'

const style = readFileSync(new URL('style.css', import.meta.url), 'utf8')

/** What the page of a link may load and do: its one style sheet, its script, and forms to here. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join(';')

/** What a person sees at a link. */
export interface LinkView {
  readonly token: string
  /** Undefined where the link leads nowhere, or its page cannot be read now. */
  readonly page?: PageView | undefined
  /** What was done last. */
  readonly done?: LinkAct['act'] | undefined
  /** Why the last act was refused. */
  readonly problem?: string | undefined
  /** What was typed for a colleague, where that was refused. */
  readonly who?: string | undefined
  /** Address of the script, where the pages are built. */
  readonly script?: string | undefined
  readonly now: string
}

/** The page of a private link, whole: it works without a script, which only says what is under way and replaces what is marked `data-part`. */
export function linkPage({ token, page, done, problem, who, script, now }: LinkView): string {
  const action = `/a/${encodeURIComponent(token)}`
  const title = page ? `${page.isExercise ? '[EXERCISE] ' : ''}${page.title}` : 'Page for you'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${title} · Tocsin</title>
<link rel="icon" href="/bell.svg" type="image/svg+xml">
<style>${new Html(style)}</style>
${script === undefined ? undefined : html`<script type="module" src="${script}"></script>`}
</head>
<body>
<header><img src="/bell.svg" alt="" width="24" height="24"> Tocsin</header>
<main>
<div data-part="head"><h1>${title}</h1>${page && badges(page)}</div>
<div data-part="status" role="status" tabindex="-1">${page && outcomeOf(page, done)}</div>
<div data-part="problem" role="alert">${problem}</div>
<div data-part="acts">${page ? actsOf(page, action, now, who) : html`<p><a href="/pages">Open Tocsin</a></p>`}</div>
</main>
</body>
</html>
`.text
}

function badges(page: PageView): Html {
  return html`<p class="badges"><span data-severity="${page.severity}">${page.severity}</span><span>${page.state}</span>${page.isExercise ? html`<span>exercise</span>` : undefined}${page.isDrill ? html`<span>drill</span>` : undefined}</p>`
}

/** A time with its zone; the script tells it in the viewer's. */
const time = (at: string, now: string) => html`<time datetime="${at}">${when(at, now)}</time>`

const isTheirs = (page: PageView) => page.state === 'acknowledged' && page.acknowledgedBy === page.you

/** What became of the page. */
function outcomeOf(page: PageView, done: LinkAct['act'] | undefined): string {
  const added = done === 'add-responder' ? 'Responder added. ' : ''
  if (isTheirs(page)) return `${added}Acknowledged by you, ${page.you}. Escalation stopped.`
  if (page.state === 'triggered' && done === 'reassign') return 'Reassigned.'
  if (page.state === 'triggered' && page.waitsFor > 0 && done === 'acknowledge')
    return `Thanks, ${page.you}. ${page.waitsFor === 1 ? '1 more acknowledgement' : `${page.waitsFor} more acknowledgements`} needed.`
  if (page.state === 'triggered') return done === 'release' || done === 'escalate' ? 'Escalated to the next level.' : 'Nobody has acknowledged yet.'
  if (page.state === 'exhausted') return 'Nobody acknowledged the page.'
  if (page.state === 'resolved') return 'Resolved. Nothing left to do.'
  return `Acknowledged by ${page.acknowledgedBy ?? 'somebody'}.`
}

/** @param doing said while it is under way @param failed said when it is not known to have happened */
const button = (act: LinkAct['act'], label: string, doing: string, failed: string, more = html``) =>
  html`<button name="act" value="${act}" data-doing="${doing}" data-failed="${failed}"${more}>${label}</button>`

function actsOf(page: PageView, action: string, now: string, who: string | undefined): Html {
  const form = (inner: Html) => html`<form method="post" action="${action}">${inner}</form>`
  const isMine = isTheirs(page)
  const acknowledge = button('acknowledge', 'Acknowledge', 'Acknowledging… not acknowledged yet.', 'NOT acknowledged.', html` class="main" autofocus`)
  const escalate = html`<input type="hidden" name="levels" value="${page.levels.join(',')}">${button('escalate', 'Escalate now', 'Escalating…', 'NOT escalated.')}`
  const snooze = html`<input type="hidden" name="minutes" value="30">${button('snooze', 'Snooze 30 min', 'Snoozing…', 'NOT snoozed.')}`
  return html`
${isUnacknowledged(page) ? form(acknowledge) : undefined}
${page.snoozedUntil === null ? undefined : html`<p>Snoozed until ${time(page.snoozedUntil, now)}.</p>`}
<p class="summary">${page.summary}</p>
<p class="quiet">Paged ${time(page.createdAt, now)}${page.acknowledgedAt === null ? undefined : html` · Acknowledged ${time(page.acknowledgedAt, now)}`}</p>
<div class="acts">
${isMine || isUnacknowledged(page) ? form(escalate) : undefined}
${isMine ? form(button('release', 'Release', 'Releasing…', 'NOT released.')) : undefined}
${isMine && page.snoozedUntil === null && !page.isDrill ? form(snooze) : undefined}
</div>
${isMine && !page.isDrill ? colleague(`${action}/colleague`, who) : undefined}
<p><a href="${page.pageId === null ? '/pages' : `/pages/${page.pageId}`}">${page.pageId === null ? 'Open the pages' : 'Open the alert'}</a></p>`
}

/** Gives the page to somebody, or asks them to join. Nobody's name is shown to whoever holds a link: they type it. */
function colleague(action: string, who = ''): Html {
  return html`<form method="post" action="${action}">
<label for="who">Somebody else</label>
<span class="quiet" id="who-hint">A team member’s name, or anybody’s email address</span>
<input id="who" name="who" maxlength="200" required autocomplete="off" aria-describedby="who-hint" value="${who}">
${button('reassign', 'Reassign', 'Reassigning…', 'NOT reassigned.')}
${button('add-responder', 'Add responder', 'Adding the responder…', 'NOT added.')}
</form>`
}
