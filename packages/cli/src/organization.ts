import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { createClient, type OrganizationFile, type PlanLine } from '@tocsin/api'
import { dump } from 'js-yaml'
import { organizationSchema, readOrganization } from './organization-files.ts'
import { CliProblem, type Output, printable } from './output.ts'

interface Api {
  readonly origin: string
  readonly apiKey: string | undefined
}
const clientOf = ({ origin, apiKey }: Api) => createClient({ origin, retries: 2, ...(apiKey === undefined ? {} : { apiKey }) })

const signs = { add: '+', change: '~', keep: ' ' } as const

function planWords(plan: readonly PlanLine[]): string[] {
  const due = plan.filter(line => line.action !== 'keep')
  const count = (action: PlanLine['action']) => plan.filter(line => line.action === action).length
  return [
    ...plan.flatMap(({ warning }) => (warning === undefined ? [] : [printable(`! ${warning}`)])),
    ...due.flatMap(({ action, kind, name, changes }) => [printable(`${signs[action]} ${kind} ${name}`), ...changes.map(change => printable(`    ${change}`))]),
    due.length === 0 ? 'No changes.' : `${count('add')} to add, ${count('change')} to change, ${count('keep')} unchanged.`,
  ]
}

/** Shows what files would change, asks for confirmation, and applies them: all or nothing. */
export async function applyFiles(output: Output, api: Api, path: string, options: { plan?: boolean; yes?: boolean }): Promise<void> {
  const organization = await readOrganization(path)
  const call = clientOf(api)
  const plan = await call('applyOrganization', { body: { organization, isPlanOnly: true } })
  if (options.plan || plan.every(line => line.action === 'keep')) return output.say(planWords(plan), { isApplied: false, plan })
  if (!options.yes) {
    if (output.isJson || !process.stdin.isTTY) throw new CliProblem('Use --yes to apply the changes, or --plan to only show them.', 2)
    process.stdout.write(`${planWords(plan).join('\n')}\n`)
    const ask = createInterface({ input: process.stdin, output: process.stdout })
    const said = await ask.question('Apply these changes? (yes) ')
    ask.close()
    if (!/^y(es)?$/i.test(said.trim())) throw new CliProblem('No changes were applied.')
  }
  const applied = await call('applyOrganization', { body: { organization } })
  output.say([...planWords(applied), 'Applied.'], { isApplied: true, plan: applied })
}

const yaml = (value: unknown) => dump(value, { noRefs: true, lineWidth: 140 })

/** Writes an organization as files: one for each kind, in a folder; or all of it to standard output. */
export async function writeOrganization(
  output: Output,
  organization: Partial<OrganizationFile>,
  folder: string | undefined,
  notes: readonly string[] = [],
): Promise<void> {
  const kinds = Object.entries(organization).filter(([, items]) => Array.isArray(items) && items.length > 0)
  if (folder === undefined) {
    process.stdout.write(output.isJson ? `${JSON.stringify({ organization, notes })}\n` : yaml(Object.fromEntries(kinds)))
    if (!output.isJson) for (const note of notes) process.stderr.write(`${printable(note)}\n`)
    return
  }
  await mkdir(folder, { recursive: true })
  for (const [kind, items] of kinds) await writeFile(join(folder, `${kind}.yaml`), yaml({ [kind]: items }))
  const written = kinds.map(([kind, items]) => `${(items as unknown[]).length} ${kind}`).join(', ')
  output.say([...notes.map(printable), `${folder}: ${written || 'nothing'}.`], {
    folder,
    notes,
    written: Object.fromEntries(kinds.map(([kind, items]) => [kind, (items as unknown[]).length])),
  })
}

export async function exportFiles(output: Output, api: Api, folder: string | undefined): Promise<void> {
  await writeOrganization(output, await clientOf(api)('exportOrganization'), folder)
}

export function printSchema(): void {
  process.stdout.write(`${JSON.stringify(organizationSchema(), null, 2)}\n`)
}
