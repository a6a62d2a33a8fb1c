// Regular expressions whose time grows faster than what they read: nested or adjacent quantifiers that overlap, or a search that begins anew at each character.
// Part of `npm run check`. Each is fixed, or listed here with what bounds its input; one that is listed and is fine, or gone, fails as well.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { checkSync } from 'recheck'
import { analyse } from 'scslre'
import ts from 'typescript'

/** By file and expression, as they are written: why its time is bounded all the same. */
const bounded: Readonly<Record<string, string>> = {
  'apps/server/src/notify/channels/email/send.ts /@([^>\\s]+)>?$/': 'reads MAIL_FROM, which the operator sets; once at start',
  'apps/server/src/notify/channels/email/settings.ts /^[^<>\\r\\n]*<?[^<>@\\s]+@[^<>@\\s]+>?$/': 'reads MAIL_FROM, which the operator sets; once at start',
  'apps/server/src/notify/channels/push/send.ts /<?([^<>\\s]+@[^<>\\s]+)>?$/': 'reads MAIL_FROM, which the operator sets; once at start',
  "apps/server/src/detection/follow.ts new RegExp(`^${parts.join('[^/]*')}$`)":
    'made of a file name that the operator sets, for names of files: 255 characters',
}

/** The automata are compared here: the other backend is a program of its own. */
process.env.RECHECK_SYNC_BACKEND = 'pure'
const maxAnalysisMs = 20_000

/** Why an expression may take longer than its input is long; undefined when it cannot. */
function flawOf(source: string, flags: string): string | undefined {
  // Without a quantifier that has no end, time is bounded by the pattern.
  if (!/[*+]|\{\d+,\}/.test(source)) return undefined
  const found = checkSync(source, flags, { checker: 'automaton', timeout: maxAnalysisMs })
  if (found.status === 'safe') return undefined
  if (found.status === 'vulnerable') return `${found.complexity.summary}, for example with ${found.attack.pattern}`
  if (found.error.kind !== 'unsupported') return `could not be analyzed: ${found.error.kind}`
  // Lookbehind and back references: these are known by the repetition of single characters.
  const [report] = analyse({ source, flags }, {}).reports
  return report && `${report.exponential ? 'exponential' : 'polynomial'}, by repeating ${JSON.stringify(report.character.pick)}`
}

const flaws = new Map<string, string | undefined>()
function flaw(source: string, flags: string): string | undefined {
  const key = `/${source}/${flags}`
  if (!flaws.has(key)) flaws.set(key, flawOf(source, flags))
  return flaws.get(key)
}

interface Found {
  readonly at: string
  readonly key: string
  readonly flaw: string
}

function findIn(path: string): Found[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true, path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS)
  const found: Found[] = []
  const look = (node: ts.Node, why: string | undefined) => {
    const at = `${path}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`
    if (why !== undefined) found.push({ at, key: `${path} ${node.getText(source)}`, flaw: why })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      look(node, flaw(node.text.slice(1, end), node.text.slice(end + 1)))
    } else if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText(source).replace('globalThis.', '') === 'RegExp') {
      const [pattern, flags] = node.arguments ?? []
      const isKnown = pattern !== undefined && ts.isStringLiteralLike(pattern) && (flags === undefined || ts.isStringLiteralLike(flags))
      // A literal as its argument is looked at as such.
      const why = isKnown ? flaw(pattern.text, flags?.text ?? '') : 'made when the program runs, so that it is not known'
      if (pattern === undefined || !ts.isRegularExpressionLiteral(pattern)) look(node, why)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

// What is not added to git yet counts as well. Tests read what they made themselves.
const listed = () =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', 'apps', 'packages'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter(path => /\.[cm]?[jt]sx?$/.test(path) && !/\.test\.ts$|\/test\//.test(path))
const given = process.argv.slice(2)
const files = given.length > 0 ? given : listed()
const found = files.flatMap(findIn)
const keys = new Set(found.map(({ key }) => key))
const problems = [
  ...found.flatMap(({ at, key, flaw: why }) => (Object.hasOwn(bounded, key) ? [] : [`${at}: ${key.slice(key.indexOf(' ') + 1)}: ${why}`])),
  ...(given.length > 0 ? [] : Object.keys(bounded).flatMap(key => (keys.has(key) ? [] : [`${key}: is listed in scripts/regexes.ts, and need not be`]))),
]
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(
  `${problems.length === 0 ? 'All regular expressions take linear time' : `${problems.length} regular expressions`} in ${files.length} files\n`,
)
process.exit(problems.length === 0 ? 0 : 1)
