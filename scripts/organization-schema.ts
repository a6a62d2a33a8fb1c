// Writes docs/organization.schema.json: the JSON Schema of the files for `tocsin apply`. With --check it only says whether that is up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { organizationSchema } from '../packages/cli/src/organization-files.ts'

const path = join(import.meta.dirname, '..', 'docs', 'organization.schema.json')
const schema = organizationSchema()
if (!process.argv.includes('--check')) writeFileSync(path, `${JSON.stringify(schema, null, 2)}\n`)
else if (!isDeepStrictEqual(JSON.parse(readFileSync(path, 'utf8')), JSON.parse(JSON.stringify(schema)))) {
  process.stdout.write('docs/organization.schema.json is out of date: run node_modules/.bin/node scripts/organization-schema.ts && npm run format\n')
  process.exitCode = 1
}
