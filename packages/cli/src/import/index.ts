import { readFile } from 'node:fs/promises'
import { OrganizationFile } from '@tocsin/api'
import type { z } from 'zod'
import { writeOrganization } from '../organization.ts'
import { CliProblem, type Output } from '../output.ts'
import { validated } from '../validated.ts'
import { GoalertExport, importGoalert } from './goalert.ts'
import { GrafanaOncallExport, importGrafanaOncall } from './grafana-oncall.ts'
import { importOpsgenie, OpsgenieExport } from './opsgenie.ts'
import { importPagerDuty, PagerDutyExport } from './pagerduty.ts'
import type { Imported } from './parts.ts'
import type { Importer } from './tools.ts'

/** Converts the export of another tool to files, and reports what could not be converted and why. */
export async function importFrom(output: Output, tool: Importer, paths: readonly string[], options: { out?: string; at?: string }): Promise<void> {
  const at = options.at ?? new Date().toISOString()
  if (Number.isNaN(Date.parse(at))) throw new CliProblem('--at must be an instant such as 2026-03-23T09:00:00Z.', 2)
  const { organization, notes } = await convert(tool, paths, at)
  const converted = validated(OrganizationFile, withoutEmpty(organization), 'The export cannot be converted', ': ')
  await writeOrganization(output, converted, options.out, [...new Set(notes)])
}

/** Leaves out layers without people. */
function withoutEmpty(organization: Imported['organization']): Imported['organization'] {
  return {
    ...organization,
    schedules: organization.schedules?.map(schedule => ({ ...schedule, layers: schedule.layers.filter(layer => layer.participants.flat().length > 0) })),
  }
}

async function convert(tool: Importer, paths: readonly string[], at: string): Promise<Imported> {
  if (tool === 'opsgenie') return importOpsgenie(await readAll(OpsgenieExport, tool, paths))
  if (tool === 'pagerduty') return importPagerDuty(await readAll(PagerDutyExport, tool, paths))
  if (tool === 'grafana-oncall') return importGrafanaOncall(await readAll(GrafanaOncallExport, tool, paths))
  return importGoalert(await readAll(GoalertExport, tool, paths), at)
}

async function readAll<Shape extends z.ZodType>(schema: Shape, tool: Importer, paths: readonly string[]): Promise<z.output<Shape>[]> {
  return Promise.all(
    paths.map(async path => {
      const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
        throw new CliProblem(error.code === 'ENOENT' ? `${path} does not exist.` : `${path} cannot be read (${error.code}).`, 2)
      })
      let content: unknown
      try {
        content = JSON.parse(text)
      } catch {
        throw new CliProblem(`${path} is not valid JSON. Import JSON responses of the ${tool} API.`, 2)
      }
      return validated(schema, content, `${path} is not a response of the ${tool} API`, ': ')
    }),
  )
}
