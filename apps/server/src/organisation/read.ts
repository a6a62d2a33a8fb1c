import { OrganisationFile, type StepTarget, type TargetShape } from '@tocsin/api'
import type { z } from 'zod'
import { listServices } from '../catalog/index.ts'
import { listPeople, listTeams } from '../identity/index.ts'
import { listPolicies, listTeamChannels, readBook } from '../oncall/index.ts'
import type { Reader } from '../platform/database.ts'

type Input = z.input<typeof OrganisationFile>
type Layer = NonNullable<Input['schedules']>[number]['layers'][number]

/** The organisation on call as a file says it, without the demo: everything by name. */
export async function readOrganisation(reader: Reader): Promise<OrganisationFile> {
  const people = (await listPeople(reader)).filter(person => !person.isDemo)
  const email = new Map(people.map(person => [person.id, person.email]))
  const emailOf = (id: string) => email.get(id) ?? []
  const teams = (await listTeams(reader)).filter(team => !team.isDemo)
  const book = await readBook(reader)
  const policies = await listPolicies(reader)
  const channels = new Map((await listTeamChannels(reader)).map(channel => [channel.id, channel.name]))
  const services = (await listServices(reader)).filter(service => !service.isDemo)
  const teamName = new Map(teams.map(team => [team.id, team.name]))
  const policyName = new Map(policies.map(policy => [policy.id, policy.name]))
  const serviceName = new Map(services.map(service => [service.id, service.name]))
  const scheduleName = (id: string) => book.rows.get(id)?.name ?? ''

  const targetOf = (teamId: string, target: StepTarget): TargetShape[] => {
    if (target.kind === 'everyone') return [{ everyone: true }]
    if (target.kind === 'depth') return [book.settings.get(teamId)?.promises[target.depth]?.depth ?? []].flat().map(depth => ({ depth }))
    if (target.kind === 'schedule') return [{ schedule: scheduleName(target.scheduleId), ...(target.turn === 0 ? {} : { turn: target.turn }) }]
    if (target.kind === 'person') return [emailOf(target.personId)].flat().map(person => ({ person }))
    if (target.kind === 'team') return [{ team: teamName.get(target.teamId) ?? '' }]
    return [{ channel: channels.get(target.channelId) ?? '' }]
  }
  // The place of somebody who has left stays, as nobody's: the turns of the others do not move.
  const turnOf = (turn: Layer['participants'][number]) => (typeof turn === 'string' ? emailOf(turn) : turn.flatMap(emailOf))
  const layerOf = (layer: Layer): Layer => ({ ...layer, participants: layer.participants.map(turnOf) })

  const input: Input = {
    people: people.filter(person => person.isActive).map(({ email: address, name, role }) => ({ email: address, name, role })),
    teams: teams.map(team => {
      const settings = book.settings.get(team.id)
      return {
        ...{ name: team.name, kind: team.kind, members: team.members.flatMap(member => emailOf(member.id)).toSorted() },
        ...(settings === undefined
          ? {}
          : {
              timeZone: settings.timeZone,
              promises: settings.promises.map(({ depth, scheduleId, turn, hours }) => ({
                ...{ depth, schedule: scheduleName(scheduleId) },
                ...(turn === 0 ? {} : { turn }),
                ...(hours ? { hours } : {}),
              })),
              ...(settings.longestDays === null ? {} : { longestDays: settings.longestDays }),
              ...(settings.longestNights === null ? {} : { longestNights: settings.longestNights }),
              fallback: settings.fallback.flatMap(target => targetOf(team.id, target)),
              ...(settings.policyId === null ? {} : { policy: policyName.get(settings.policyId) ?? '' }),
              routing: settings.routing.map(({ serviceIds, severities, policyId, urgency }) => ({
                ...(serviceIds.length > 0 ? { services: serviceIds.flatMap(id => serviceName.get(id) ?? []) } : {}),
                ...(severities.length > 0 ? { severities } : {}),
                policy: policyName.get(policyId) ?? '',
                ...(urgency ? { urgency } : {}),
              })),
              highFrom: settings.highFrom,
              ...(settings.progressMinutes === null ? {} : { progressMinutes: settings.progressMinutes }),
              ...(settings.holidays.length === 0 ? {} : { holidays: settings.holidays }),
              traineeShifts: settings.traineeShifts,
            }),
      }
    }),
    schedules: [...book.rows.values()]
      .filter(row => teamName.has(row.teamId))
      .map(row => {
        const own = book.overrides.filter(one => one.scheduleId === row.id)
        return {
          ...{ name: row.name, team: teamName.get(row.teamId) ?? '', timeZone: row.timeZone, merge: row.merge },
          ...(row.needsApprenticeship ? { needsApprenticeship: true } : {}),
          layers: (row.layers as Layer[]).map(layerOf),
          overrides: own.flatMap(({ kind, turn, participantIds, start, end }) =>
            kind === 'temporary' ? [] : [{ kind, ...(turn === 0 ? {} : { turn }), participants: participantIds.flatMap(emailOf), start, end }],
          ),
          temporaries: own.flatMap(({ name, layers, merge, start, end }) =>
            layers === null ? [] : [{ name: name ?? '', start, end, layers: (layers as Layer[]).map(layerOf), ...(merge ? { merge } : {}) }],
          ),
        }
      }),
    policies: policies
      .filter(policy => teamName.has(policy.teamId))
      .map(({ teamId, name, steps, repeats, businessHours }) => ({
        ...{ team: teamName.get(teamId) ?? '', name },
        steps: steps.map(({ targets, ...step }) => ({ ...step, targets: targets.flatMap(target => targetOf(teamId, target as StepTarget)) })),
        repeats,
        ...(businessHours ? { businessHours } : {}),
      })),
    services: services.map(({ name, description, securityTeam, engineeringTeam, pageFrom }) => ({
      ...{ name, description, pageFrom },
      ...{ securityTeam: securityTeam.name, engineeringTeam: engineeringTeam.name },
    })),
  }
  return OrganisationFile.parse(input)
}
