import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OrganizationFile, organizationKinds, repeatedNames } from '@tocsin/api'
import { load, YAMLException } from 'js-yaml'
import { z } from 'zod'
import { CliProblem } from './output.ts'
import { validated } from './validated.ts'

/** One organization file. @throws CliProblem (2) that names the place and what would be right */
export async function readOrganizationFile(file: string): Promise<OrganizationFile> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliProblem(error.code === 'ENOENT' ? `${file} does not exist.` : `${file} cannot be read (${error.code}).`, 2)
  })
  let content: unknown
  try {
    content = load(text) ?? {}
  } catch (error) {
    if (error instanceof YAMLException) throw new CliProblem(`${file} is not valid YAML: ${error.message.split('\n')[0]}.`, 2)
    throw error
  }
  return validated(OrganizationFile, content, file)
}

/** All files of a folder (`.yaml`, `.yml`) and of those in it, or one file, as one organization. */
export async function readOrganization(path: string): Promise<OrganizationFile> {
  const files = await yamlFiles(path)
  if (files.length === 0) throw new CliProblem(`No YAML files found in ${path}.`, 2)
  const parts = await Promise.all(files.map(readOrganizationFile))
  const whole = {
    people: parts.flatMap(part => part.people),
    teams: parts.flatMap(part => part.teams),
    schedules: parts.flatMap(part => part.schedules),
    policies: parts.flatMap(part => part.policies),
    services: parts.flatMap(part => part.services),
  }
  const places = Object.fromEntries(
    organizationKinds.map(kind => [kind, parts.flatMap((part, n) => part[kind].map((_, index) => `${files[n]}: ${kind}.${index}`))] as const),
  )
  const repeated = repeatedNames(whole).map(({ kind, name, index, first }) => `${places[kind]?.[index]} is ${name}, as is ${places[kind]?.[first]}.`)
  if (repeated.length > 0) throw new CliProblem(`Names must be unique. ${repeated.slice(0, maxSaid).join(' ')}`, 2)
  return whole
}

/** Repeated names that one message says. */
const maxSaid = 10

async function yamlFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) throw new CliProblem(`${path} does not exist.`, 2)
  if (found.isFile()) return [path]
  const names = (await readdir(path, { recursive: true })).filter(name => /\.ya?ml$/.test(name) && !name.split('/').some(part => part.startsWith('.')))
  return names.toSorted().map(name => join(path, name))
}

/** The JSON Schema of the files, for editors. */
export const organizationSchema = (): unknown => ({
  ...z.toJSONSchema(OrganizationFile, { io: 'input', unrepresentable: 'any' }),
  title: 'Tocsin organization',
})
