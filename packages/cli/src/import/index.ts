import { readFile } from 'node:fs/promises'
import { OrganizationFile } from '@tocsin/api'
import type { z } from 'zod'
import { writeOrganization } from '../organization.ts'
import { CliProblem, type Output } from '../output.ts'
import { GoalertExport, importGoalert } from './goalert.ts'
import { GrafanaOncallExport, importGrafanaOncall } from './grafana-oncall.ts'
import { importOpsgenie, OpsgenieExport } from './opsgenie.ts'
import { importPagerDuty, PagerDutyExport } from './pagerduty.ts'
import type { Imported } from './parts.ts'
import type { Importer } from './tools.ts'

/** Makes files of what another pager exported, and says what could not be carried over and why. */
export async function importFrom(output: Output, tool: Importer, paths: readonly string[], options: { out?: string; at?: string }): Promise<void> {
  const at = options.at ?? new Date().toISOString()
  if (Number.isNaN(Date.parse(at))) throw new CliProblem('--at must be an instant such as 2026-03-23T09:00:00Z.', 2)
  const { organization, notes } = await convert(tool, paths, at)
  const parsed = OrganizationFile.safeParse(withoutEmpty(organization))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new CliProblem(`the export has something that cannot stand here: ${issue?.path.join('.')} ${issue?.message}.`)
  }
  await writeOrganization(output, parsed.data, options.out, [...new Set(notes)])
}

/** Layers of nobody say nothing, and services that page nobody are not there. */
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
        throw new CliProblem(`${path} is not JSON: import what the API of ${tool} answered.`, 2)
      }
      const parsed = schema.safeParse(content)
      if (parsed.success) return parsed.data
      const [issue] = parsed.error.issues
      throw new CliProblem(`${path} is not an answer of the API of ${tool}: ${issue?.path.join('.')} ${issue?.message}.`, 2)
    }),
  )
}
