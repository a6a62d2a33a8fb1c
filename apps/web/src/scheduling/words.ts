import type { EscalationLevel, PageTarget, TeamOnCall } from '@tocsin/api'

/** One colour a person, the same in every track; dark ink stands on all of them. */
const tints = ['#a5d8ff', '#ffd8a8', '#b2f2bb', '#eebefa', '#ffec99', '#99e9f2', '#fcc2d7', '#d8f5a2', '#d0bfff', '#ffc9c9']

/** Gives each person of a list a colour. */
export function tintsOf(personIds: readonly string[]): (id: string) => string {
  const order = [...personIds].sort()
  return id => tints[Math.max(0, order.indexOf(id)) % tints.length] ?? '#ced4da'
}

const counted = (n: number, one: string, many: string) => (n === 1 ? `1 ${one}` : `${n} ${many}`)

/** What is wrong with the coverage of a team, counted as what it is: gaps, in which nobody is on call, and everything else. Empty where nothing is. */
export function coverageWords({ concerns, vacancies }: Pick<TeamOnCall, 'concerns' | 'vacancies'>): string {
  const gaps = concerns.filter(concern => concern.kind === 'gap').length
  const others = concerns.length - gaps + vacancies.length
  const problems = gaps > 0 ? counted(others, 'other problem', 'other problems') : counted(others, 'coverage problem', 'coverage problems')
  return [...(gaps > 0 ? [counted(gaps, 'coverage gap', 'coverage gaps')] : []), ...(others > 0 ? [problems] : [])].join(', ')
}

/** A position in a rotation, as a label: 0 is who is on call. */
export const positionLabel = (position: number) => (position === 0 ? 'On call' : position === 1 ? 'Next in rotation' : `Number ${position + 1} in rotation`)

const tierLabel = (team: TeamOnCall, tierId: string) => team.settings?.tiers.find(tier => tier.id === tierId)?.name ?? 'a tier of another team'

function targetWords(team: TeamOnCall, target: PageTarget, names: ReadonlyMap<string, string>): string {
  if (target.kind === 'tier') return tierLabel(team, target.tierId)
  if (target.kind === 'everyone') return 'everyone'
  if (target.kind === 'person') return names.get(target.personId) ?? 'somebody'
  if (target.kind === 'team') return names.get(target.teamId) ?? 'another team'
  if (target.kind === 'schedule') return names.get(target.scheduleId) ?? 'a schedule'
  return names.get(target.channelId) ?? 'a channel'
}

/** A step in a few words: `primary and backup, 5 min`. */
export function levelSummary(team: TeamOnCall, level: EscalationLevel, names: ReadonlyMap<string, string>): string {
  const who = level.targets.length === 0 ? 'wait' : level.targets.map(target => targetWords(team, target, names)).join(' and ')
  const more = [
    level.acknowledgements && level.acknowledgements > 1 ? `${level.acknowledgements} must acknowledge` : '',
    level.urgency ? `${level.urgency} urgency only` : '',
    level.when ? 'only in some hours' : '',
  ].filter(word => word !== '')
  return `${who}, ${level.waitMinutes} min${more.length > 0 ? ` (${more.join(', ')})` : ''}`
}
