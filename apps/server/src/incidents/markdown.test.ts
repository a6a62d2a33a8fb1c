import MarkdownIt from 'markdown-it'
import { expect, test, vi } from 'vitest'
import { renderMarkdown } from './markdown.ts'

test('is shown as HTML without what could harm', () => {
  expect(renderMarkdown('**Found** it\n\n|a|b|\n|-|-|\n|x|y|')).toMatch(/^<p><strong>Found<\/strong> it<\/p>\s*<table>.*<td>x<\/td>/s)
  expect(renderMarkdown('<script>alert(1)</script> [a](javascript:alert(1)) ![b](https://a.test/b.png)')).not.toMatch(/<(script|img|a)\b|href=/)
})

test.each([
  ['http://evil.example/payload.exe', '<p><span class="defanged">http[:]//evil[.]example/payload[.]exe</span></p>'],
  ['<https://evil.example>', '<p><span class="defanged">https[:]//evil[.]example</span></p>'],
  ['[our bank](http://evil.example "x")', '<p>our bank (<span class="defanged">http[:]//evil[.]example</span>)</p>'],
  ['![t](http://evil.example/t.png)', '<p>![t](<span class="defanged">http[:]//evil[.]example/t[.]png</span>)</p>'],
  ['from 203.0.113.66, ada_b@evil.example', '<p>from <span class="defanged">203[.]0[.]113[.]66</span>, <span class="defanged">ada_b@evil[.]example</span></p>'],
  ['`curl http://evil.example`', '<p><code>curl <span class="defanged">http[:]//evil[.]example</span></code></p>'],
  ['```\ncurl http://evil.example\n```', '<pre><code>curl <span class="defanged">http[:]//evil[.]example</span>\n</code></pre>'],
  ['[a]: http://evil.example', '<p>[a]: <span class="defanged">http[:]//evil[.]example</span></p>'],
  ['\\\\srv\\share and C:\\_a\\*.exe', '<p>\\\\srv\\share and C:\\_a\\*.exe</p>'],
])('leads nowhere, and loses nothing: %s', (text, html) => {
  expect(renderMarkdown(text).trim()).toBe(html)
})

test('with too many elements is shown whole, as it is', () => {
  const table = `|a|b|\n|-|-|\n${'|<b>|y|\n'.repeat(6_000)}`
  const html = renderMarkdown(table)
  expect(html).toMatch(/^<p>Shown without formatting: more than 10,000 elements\.<\/p><pre>\|a\|b\|\n/)
  expect(html).toContain('|&lt;b&gt;|y|\n'.repeat(6_000))
  expect(renderMarkdown('a\n\n'.repeat(2_000))).toBe('<p>a</p>\n'.repeat(2_000))
})

test('is rendered once, as long as it is among what was asked for last', () => {
  const parsed = vi.spyOn(MarkdownIt.prototype, 'parse')
  for (let n = 0; n < 3; n += 1) renderMarkdown('a note that was not asked for before')
  expect(parsed).toHaveBeenCalledTimes(1)
  for (let n = 0; n < 4; n += 1) renderMarkdown(`${n}${'x'.repeat(5_000_000)}`)
  renderMarkdown('a note that was not asked for before')
  expect(parsed).toHaveBeenCalledTimes(6)
})
