import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a script writes into a document of `docs/security`, between two marks. With --check it only says whether that is up to date. */
export function writeBetweenMarks(file: string, mark: string, text: string, script: string): void {
  const path = join(import.meta.dirname, '..', 'docs', 'security', file)
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`]
  const before = readFileSync(path, 'utf8')
  const [head = '', rest = ''] = before.split(begin)
  const [, tail = ''] = rest.split(end)
  const after = `${head}${begin}\n\n${text}\n\n${end}${tail}`
  const isCheck = process.argv.includes('--check')
  if (!isCheck) writeFileSync(path, after)
  if (isCheck && before !== after) {
    process.stdout.write(`docs/security/${file} is out of date: run node_modules/.bin/node scripts/${script}\n`)
    process.exitCode = 1
  }
}
