// The words that the product does not use, each with the field's own term. Part of `npm run check`: it reads every text that a person may read
// (strings and JSX of pages, server, command line and contract; the docs) and the names in the code.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import ts from 'typescript'

interface Banned {
  readonly word: RegExp
  readonly better: string
  /** Files in which the word means something else. */
  readonly except?: RegExp
}

/** In texts: pages, mails, pushes, SMS, command line, API descriptions, docs. */
const texts: readonly Banned[] = [
  { word: /\bclimb(s|ing|ed)?\b/i, better: 'escalate' },
  { word: /\bdepths?\b/i, better: 'tier' },
  { word: /\b(in turn|takes? turns|whose turn|a turn takes)\b/i, better: 'rotation, on call, next in rotation' },
  { word: /\bpromis(e|es|ed|ing)\b/i, better: 'coverage requirement; commitment; committed' },
  { word: /\bmend(s|ed|ing)?\b/i, better: 'fix; coverage gap' },
  { word: /\blooks? at it\b|\bnobody (looks|yet)\b/i, better: 'Assigned to …, Unassigned' },
  { word: /\bverdicts?\b/i, better: 'disposition' },
  { word: /\brealms?\b/i, better: 'responsibility' },
  { word: /\bstands? (in|on|there|here|alone|behind|against|instead)\b|\bin the record\b/i, better: 'say what it is; “kept in the audit log”' },
  { word: /\bhurts?\b/i, better: 'business-impacting' },
  { word: /\bspeaks? for us\b/i, better: 'communications lead' },
  { word: /(?<!\bsegregation of )\bdut(y|ies)\b/i, better: 'notification obligation' },
  { word: /\bgrounds?\b/i, better: 'reason category', except: /background/ },
  { word: /\bwhat let it happen\b|\bshown to work\b/i, better: 'contributing factors; verified effective' },
  { word: /\bunder watch\b/i, better: 'monitoring period; “Monitor until”' },
  { word: /\bproves? (itself|themselves)\b|\bself-proving\b/i, better: 'signed export' },
  { word: /\boutbox\b/i, better: 'message log' },
  { word: /\bkeep it silent\b|\bexpect a heartbeat\b/i, better: 'silence; heartbeat monitor' },
  { word: /\bin force\b/i, better: 'enabled' },
  { word: /\bsources? of alerts\b/i, better: 'integration' },
  { word: /\b(came|comes|come) in\b/i, better: 'received, occurrences' },
  { word: /\bhand(s|ed)? (it |them )?(over|back)\b/i, better: 'send; release; reassign' },
  { word: /\blets? (it|them|a page|the page) rest\b|\brests? (30|for)\b/i, better: 'snooze' },
  { word: /\bask(s|ed)? (them |others |somebody |you )?to join\b/i, better: 'add responder' },
  { word: /\bnothing has that name\b|\bthat did not work\b|\ball quiet\b/i, better: 'No results; the sentence of the error; Nothing needs your attention' },
  { word: /\bmust be the id of one that exists\b/i, better: 'name what is to be chosen' },
  { word: /\bin one act\b|\ban act of\b|\bact of its own\b/i, better: 'in one step; action' },
  { word: /\bwidespread\b/i, better: 'parent incident (major incident)', except: /severity|assessment|api\/src\/incidents/ },
  { word: /\be-mails?\b/i, better: 'email' },
  {
    word: /\b(organisation|catalogue|behaviour|colour|sanitise|sanitised|authorise|authorised|recognise|recognised|centre|licence|whilst|cancelled by)/i,
    better: 'American spelling',
  },
]

/** In names of the code. */
const names: readonly Banned[] = [
  { word: /^(house|House)$/, better: 'context, AppContext' },
  { word: /^(rooms?|Rooms?|floors?)$/, better: 'module, layer', except: /packages\/sigma/ },
  { word: /^most[A-Z]/, better: 'maxX' },
  { word: /letGo/i, better: 'evicted' },
  { word: /^(Letter|letter|summon|Summons|divert|climb\w*)$/, better: 'OutboundMessage, notify, failover, escalate' },
  { word: /^(Book|readBook|Ground|readGround)$/, better: 'on-call snapshot' },
  {
    word: /^(Holder|holderOf|verdict\w*|Verdict|realm|Realm|duty|duties|Duty)$/,
    better: 'responder, disposition, responsibility, obligation',
    except: /packages\/(merkle|cli\/src\/journal)/,
  },
  { word: /[oO]rganisation/, better: 'organization' },
]

const read = (path: string) => readFileSync(path, 'utf8')
const tracked = execFileSync('git', ['ls-files', '*.ts', '*.tsx', '*.md'], { encoding: 'utf8' }).trim().split('\n')
const isCode = (path: string) => /^(apps|packages|scripts|bench)\//.test(path) && /\.tsx?$/.test(path) && path !== 'scripts/words.ts'
const isRead = (path: string) => isCode(path) && !/\.test\.ts$|\/test\/|^bench\/|packages\/sigma\/(src\/taxonomy|wasm)/.test(path)

const problems: string[] = []
function look(path: string, line: number, text: string, list: readonly Banned[]): void {
  for (const { word, better, except } of list) {
    const found = word.exec(text)
    if (found !== null && !except?.test(path)) problems.push(`${path}:${line}: “${found[0]}” in “${text.trim().slice(0, 90)}”: ${better}`)
  }
}

function readCode(path: string): void {
  const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true, path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS)
  const lineOf = (node: ts.Node) => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
  const visit = (node: ts.Node): void => {
    // Math.floor is the language's own.
    const isOfMath = ts.isPropertyAccessExpression(node.parent ?? node) && node.parent.getText(source) === 'Math.floor'
    if (ts.isIdentifier(node) && !isOfMath) look(path, lineOf(node), node.text, names)
    const isText = ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddle(node) || ts.isTemplateTail(node) || ts.isJsxText(node)
    // What has no space is a key, a path or a kind, not a sentence; on pages a single word is a label.
    if (isText && isRead(path) && (/\s/.test(node.text.trim()) || ts.isJsxText(node) || /^[A-Z][a-z]+$/.test(node.text)))
      look(path, lineOf(node), node.text, texts)
    ts.forEachChild(node, visit)
  }
  visit(source)
}

for (const path of tracked) {
  if (isCode(path)) readCode(path)
  else if (path.endsWith('.md') && !/^packages\/sigma|CHANGELOG|bench\//.test(path))
    // Code spans name files and commands, not things.
    for (const [at, line] of read(path).split('\n').entries()) look(path, at + 1, line.replaceAll(/`[^`]*`/g, ''), texts)
}
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(`${problems.length === 0 ? 'No banned words' : `${problems.length} banned words`} in ${tracked.length} files\n`)
process.exit(problems.length === 0 ? 0 : 1)
