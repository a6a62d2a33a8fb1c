import { createHash } from 'node:crypto'
import { defangedParts, withoutLinks } from '@tocsin/api'
import MarkdownIt, { type Token } from 'markdown-it'
import sanitize from 'sanitize-html'

/** Evidence is written in it: what backslashes and definitions of links say must not vanish, as it does in Markdown. */
const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true }).disable(['escape', 'reference'])
markdown.normalizeLink = url => url
const { escapeHtml } = markdown.utils

/** A text, its addresses so that nobody opens them by mistake. */
const shown = (text: string) =>
  defangedParts(text)
    .map(part => (part.original === undefined ? escapeHtml(part.text) : `<span class="defanged">${escapeHtml(part.text)}</span>`))
    .join('')

type RenderRule = NonNullable<InstanceType<typeof MarkdownIt>['renderer']['rules'][string]>
const attribute = (token: Token | undefined, name: string) => String(token?.attrGet(name) ?? '')
const code: RenderRule = (tokens, at) => `<pre><code>${shown(tokens[at]?.content ?? '')}</code></pre>\n`

Object.assign(markdown.renderer.rules, {
  text: (tokens, at) => shown(tokens[at]?.content ?? ''),
  code_inline: (tokens, at) => `<code>${shown(tokens[at]?.content ?? '')}</code>`,
  ...{ code_block: code, fence: code },
  image: (tokens, at) => shown(`![${tokens[at]?.content ?? ''}](${attribute(tokens[at], 'src')})`),
  link_open: () => '',
  // The text of a link may be another address than that to which it leads: both are shown.
  link_close(tokens, at) {
    let opening = at
    while (opening > 0 && tokens[opening]?.type !== 'link_open') opening -= 1
    return tokens[opening]?.markup === 'autolink' ? '' : ` (${shown(attribute(tokens[opening], 'href'))})`
  },
} satisfies Record<string, RenderRule>)

/** Elements of a text that are shown: text, emphasis, cells. What has more is shown as it is, as it takes long to show, here and in a browser. */
const maxElements = 10_000
/** Characters of what is kept of what was shown before: most is asked for again and again. */
const maxKept = 16 * 1_048_576

const kept = new Map<string, string>()
let keptSize = 0

/** Markdown as HTML that is safe to show. A text is rendered once, as long as it is among those asked for last. */
export function renderMarkdown(text: string): string {
  const key = createHash('sha256').update(text).digest('base64')
  const html = kept.get(key) ?? render(text)
  // The one asked for last is the last to go.
  if (kept.delete(key)) keptSize -= html.length
  kept.set(key, html)
  keptSize += html.length
  for (const [oldest, { length }] of kept) {
    if (keptSize <= maxKept) break
    kept.delete(oldest)
    keptSize -= length
  }
  return html
}

/** Markdown as HTML that is safe to show: no scripts, no styles, no images that would reveal readers to an attacker, and no links to them. */
function render(text: string): string {
  const env = {}
  const blocks = markdown.parse(text, env)
  const elements = blocks.reduce((sum, { children }) => sum + 1 + (children?.length ?? 0), 0)
  const html =
    elements > maxElements
      ? `<p>Shown without formatting: more than ${maxElements.toLocaleString('en')} elements.</p><pre>${escapeHtml(withoutLinks(text))}</pre>`
      : markdown.renderer.render(blocks, markdown.options, env)
  return sanitize(html, {
    allowedTags: [
      'p',
      'br',
      'strong',
      'em',
      's',
      'code',
      'pre',
      'blockquote',
      'ul',
      'ol',
      'li',
      'h1',
      'h2',
      'h3',
      'h4',
      'h5',
      'h6',
      'hr',
      'span',
      'table',
      'thead',
      'tbody',
      'tr',
      'th',
      'td',
    ],
    allowedAttributes: {},
    allowedClasses: { span: ['defanged'] },
  })
}
