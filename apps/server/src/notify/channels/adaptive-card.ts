const maxLines = 60

/** An adaptive card. Its text is shown as is: what an attacker puts into a title is neither a link nor markup. */
export function adaptiveCard(subject: string, text: string, actions: readonly object[]): object {
  const lines = text
    .slice(0, 5_000)
    .split('\n')
    .filter(line => line.trim() !== '')
    .slice(0, maxLines)
  const run = (line: string, more: object = {}) => ({ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: line, ...more }] })
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [run(subject, { weight: 'Bolder', size: 'Medium' }), ...lines.map(line => run(line))],
    actions,
  }
  return { contentType: 'application/vnd.microsoft.card.adaptive', content }
}
