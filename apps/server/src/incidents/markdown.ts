import { createHash } from 'node:crypto'
import MarkdownIt from 'markdown-it'
import sanitize from 'sanitize-html'

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true })

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

/** Markdown as HTML that is safe to show: no scripts, no styles, no images that would reveal readers to an attacker. */
function render(text: string): string {
  const env = {}
  const blocks = markdown.parse(text, env)
  const elements = blocks.reduce((sum, { children }) => sum + 1 + (children?.length ?? 0), 0)
  const html =
    elements > maxElements
      ? `<p>Shown without formatting: more than ${maxElements.toLocaleString('en')} elements.</p><pre>${markdown.utils.escapeHtml(text)}</pre>`
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
      'a',
      'table',
      'thead',
      'tbody',
      'tr',
      'th',
      'td',
    ],
    allowedAttributes: { a: ['href', 'rel', 'target'] },
    allowedSchemes: ['http', 'https', 'mailto'],
    transformTags: { a: sanitize.simpleTransform('a', { rel: 'noopener noreferrer nofollow', target: '_blank' }) },
  })
}
