import { OrganizationFile, type PageTarget, type TargetShape } from '@tocsin/api'
import type { z } from 'zod'
import { listPeople } from '../access/index.ts'
import { listServices, listTeams } from '../directory/index.ts'
import type { Reader } from '../kernel/database.ts'
import { listTeamChannels } from '../notify/index.ts'
import { listPolicies } from '../paging/index.ts'
import { readSnapshot, tierOf } from '../scheduling/index.ts'

type Input = z.input<typeof OrganizationFile>
type Layer = NonNullable<Input['schedules']>[number]['layers'][number]

/** The organization on call as a file says it, without the demo: everything by name. */
export async function readOrganization(reader: Reader): Promise<OrganizationFile> {
  const people = (await listPeople(reader)).filter(person => !person.isDemo)
  const email = new Map(people.map(person => [person.id, person.email]))
  const emailOf = (id: string) => email.get(id) ?? []
  const teams = (await listTeams(reader)).filter(team => !team.isDemo)
  const snapshot = await readSnapshot(reader)
  const policies = await listPolicies(reader)
  const channels = new Map((await listTeamChannels(reader)).map(channel => [channel.id, channel.name]))
  const services = (await listServices(reader)).filter(service => !service.isDemo)
  const teamName = new Map(teams.map(team => [team.id, team.name]))
  const policyName = new Map(policies.map(policy => [policy.id, policy.name]))
  const serviceName = new Map(services.map(service => [service.id, service.name]))
  const scheduleName = (id: string) => snapshot.rows.get(id)?.name ?? ''

  const targetOf = (target: PageTarget): TargetShape[] => {
    if (target.kind === 'everyone') return [{ everyone: true }]
    if (target.kind === 'tier') return [tierOf(snapshot, target.tierId)?.name ?? []].flat().map(tier => ({ tier }))
    if (target.kind === 'schedule') return [{ schedule: scheduleName(target.scheduleId), ...(target.position === 0 ? {} : { position: target.position }) }]
    if (target.kind === 'person') return [emailOf(target.personId)].flat().map(person => ({ person }))
    // A team of the demo is not exported, and neither is who would have been asked there.
    if (target.kind === 'team') return [teamName.get(target.teamId) ?? []].flat().map(team => ({ team }))
    return [channels.get(target.channelId) ?? []].flat().map(channel => ({ channel }))
  }
  // The slot of somebody who has left stays, as nobody's: the shifts of the others do not move.
  const positionOf = (position: Layer['participants'][number]) => (typeof position === 'string' ? emailOf(position) : position.flatMap(emailOf))
  const layerOf = (layer: Layer): Layer => ({ ...layer, participants: layer.participants.map(positionOf) })

  const input: Input = {
    people: people.filter(person => person.isActive).map(({ email: address, name, role }) => ({ email: address, name, role })),
    teams: teams.map(team => {
      const settings = snapshot.settings.get(team.id)
      return {
        ...{ name: team.name, kind: team.kind, members: team.members.flatMap(member => emailOf(member.id)).toSorted() },
        ...(settings === undefined
          ? {}
          : {
              timeZone: settings.timeZone,
              tiers: settings.tiers.map(({ name, scheduleId, position, hours }) => ({
                ...{ name, schedule: scheduleName(scheduleId) },
                ...(position === 0 ? {} : { position }),
                ...(hours ? { hours } : {}),
              })),
              ...(settings.longestDays === null ? {} : { longestDays: settings.longestDays }),
              ...(settings.longestNights === null ? {} : { longestNights: settings.longestNights }),
              fallback: settings.fallback.flatMap(target => targetOf(target)),
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
    schedules: [...snapshot.rows.values()]
      .filter(row => teamName.has(row.teamId))
      .map(row => {
        const own = snapshot.overrides.filter(one => one.scheduleId === row.id)
        return {
          ...{ name: row.name, team: teamName.get(row.teamId) ?? '', timeZone: row.timeZone, merge: row.merge },
          ...(row.needsApprenticeship ? { needsApprenticeship: true } : {}),
          layers: row.layers.map(layerOf),
          overrides: own.flatMap(({ kind, position, participantIds, start, end }) =>
            kind === 'temporary' ? [] : [{ kind, ...(position === 0 ? {} : { position }), participants: participantIds.flatMap(emailOf), start, end }],
          ),
          temporaries: own.flatMap(({ name, layers, merge, start, end }) =>
            layers === null ? [] : [{ name: name ?? '', start, end, layers: layers.map(layerOf), ...(merge ? { merge } : {}) }],
          ),
        }
      }),
    policies: policies
      .filter(policy => teamName.has(policy.teamId))
      .map(({ teamId, name, levels, repeats, businessHours }) => ({
        ...{ team: teamName.get(teamId) ?? '', name },
        levels: levels.map(({ id: _, targets, ...level }) => ({ ...level, targets: targets.flatMap(target => targetOf(target)) })),
        repeats,
        ...(businessHours ? { businessHours } : {}),
      })),
    services: services.map(({ name, description, securityTeam, engineeringTeam, pageFrom }) => ({
      ...{ name, description, pageFrom },
      securityTeam: securityTeam.name,
      ...(engineeringTeam ? { engineeringTeam: engineeringTeam.name } : {}),
    })),
  }
  return OrganizationFile.parse(input)
}
