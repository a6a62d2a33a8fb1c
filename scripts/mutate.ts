// Mutation testing: breaks a file in one place after the other and tells which breaks no test notices.
//
//   node scripts/mutate.ts <file> <test file>... [--sample 50] [--seed 1]
//
// Run it in a working tree of its own: it writes the broken file where the right one was, and puts it back.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'

interface Mutant {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly line: number
}

const root = join(import.meta.dirname, '..')
/** A test that has not ended by then hangs on the broken code: it has noticed. */
const runMs = 300_000

const swaps = new Map<ts.SyntaxKind, string>([
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
])

/** Every place of a file that can be broken, with what it is broken to. Types, imports and messages of errors are left alone. */
function mutantsOf(source: ts.SourceFile): Mutant[] {
  const found: Mutant[] = []
  const add = (node: ts.Node, text: string) => {
    const start = node.getStart(source)
    found.push({ start, end: node.end, text, line: source.getLineAndCharacterOfPosition(start).line + 1 })
  }
  const visit = (node: ts.Node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isThrowStatement(node)) return
    if (ts.isBinaryExpression(node)) {
      const swapped = swaps.get(node.operatorToken.kind)
      if (swapped !== undefined) add(node.operatorToken, swapped)
    } else if (ts.isIfStatement(node)) {
      add(node.expression, 'false')
      add(node.expression, 'true')
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) add(node, node.operand.getText(source))
    else if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false')
    else if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true')
    else if (ts.isNumericLiteral(node)) add(node, String(Number(node.text.replaceAll('_', '')) + 1))
    else if (ts.isExpressionStatement(node) && (ts.isAwaitExpression(node.expression) || ts.isCallExpression(node.expression))) add(node, ';')
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The same numbers from 0 to 1 for the same seed (mulberry32), so that a sample can be drawn again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function isNoticed(tests: readonly string[]): boolean {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const run = spawnSync(process.execPath, [vitest, 'run', '--bail', '1', ...tests], { cwd: root, stdio: 'ignore', timeout: runMs })
  return run.status !== 0
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { sample: { type: 'string' }, seed: { type: 'string' } } })
const [file, ...tests] = positionals
if (file === undefined || tests.length === 0) {
  process.stderr.write('Name a file, and the test files that should notice when it breaks.\n')
  process.exit(2)
}
const path = join(root, file)
const right = readFileSync(path, 'utf8')
if (isNoticed(tests)) {
  process.stderr.write('The tests fail on the right code: nothing can be told by them.\n')
  process.exit(2)
}
const next = random(Number(values.seed ?? 1))
const all = mutantsOf(ts.createSourceFile(path, right, ts.ScriptTarget.Latest, true))
const chosen = all
  .map(mutant => ({ mutant, order: next() }))
  .sort((a, b) => a.order - b.order)
  .slice(0, values.sample === undefined ? all.length : Number(values.sample))
  .map(({ mutant }) => mutant)
const survived: Mutant[] = []
try {
  for (const mutant of chosen) {
    writeFileSync(path, right.slice(0, mutant.start) + mutant.text + right.slice(mutant.end))
    if (!isNoticed(tests)) survived.push(mutant)
  }
} finally {
  writeFileSync(path, right)
}
for (const { start, end, text, line } of survived) process.stdout.write(`${file}:${line}: “${right.slice(start, end).slice(0, 100)}” → “${text}”\n`)
const killed = chosen.length - survived.length
process.stdout.write(`${file}: ${killed} of ${chosen.length} killed (${Math.round((100 * killed) / chosen.length)}%), of ${all.length} possible\n`)
