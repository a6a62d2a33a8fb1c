import { Anchor, Box, Button, Group, Stack, Text, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Rota } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { useMay } from '../session.ts'
import { RotaModal } from './rota-modal.tsx'

/** Who answers, now and in the coming weeks. */
export function OnCallPage() {
  const rotas = useApi('rotas')
  return (
    <Page title="On call" lead="Each team takes weekly turns. Unanswered pages climb the team’s escalation policy.">
      <Loaded query={rotas}>
        {teams =>
          teams.length === 0 ? (
            <Empty
              title="There is no team yet"
              action={
                <Button component={Link} to="/people">
                  Make a team
                </Button>
              }
            >
              A service has two answering sides: a security response team that leads, and its own engineering team that carries out the plan.
            </Empty>
          ) : (
            teams.map(team => <TeamRota key={team.team.id} team={team} />)
          )
        }
      </Loaded>
    </Page>
  )
}

function TeamRota({ team }: { team: Rota }) {
  const [isEditing, setIsEditing] = useState(false)
  const mayLead = useMay('lead')
  const people = [...new Set(team.shifts.map(shift => shift.person.id))]
  return (
    <Section
      title={team.team.name}
      actions={
        mayLead ? (
          <Anchor component="button" size="sm" onClick={() => setIsEditing(true)}>
            {team.rota ? 'Change' : 'Set the rotation'}
          </Anchor>
        ) : null
      }
    >
      {team.rota ? (
        <Stack gap="sm">
          <Group gap="xl">
            {team.onCallNow.slice(0, 2).map((person, depth) => (
              <div key={person.id}>
                <Text size="xs" className="quiet">
                  {depth === 0 ? 'Now' : 'Backup'}
                </Text>
                <Text fw={600}>{person.name}</Text>
              </div>
            ))}
            <div>
              <Text size="xs" className="quiet">
                Handoff
              </Text>
              <Text>
                weekly at {team.rota.handoffTime}, {team.rota.timeZone}
              </Text>
            </div>
            <div>
              <Text size="xs" className="quiet">
                Escalation
              </Text>
              <Text>{policyWords(team.rota)}</Text>
            </div>
          </Group>
          <Shifts team={team} people={people} />
        </Stack>
      ) : (
        <Text className="quiet">No rotation yet: a page goes to all members.</Text>
      )}
      {isEditing ? <RotaModal team={team} onClose={() => setIsEditing(false)} /> : null}
    </Section>
  )
}

function policyWords(rota: NonNullable<Rota['rota']>): string {
  const steps = rota.steps.map(
    step =>
      `${step.target.kind === 'everyone' ? 'everyone' : step.target.depth === 0 ? 'primary' : step.target.depth === 1 ? 'backup' : `number ${step.target.depth + 1}`} ${step.waitMinutes} min`,
  )
  return `${steps.join(' → ')}${rota.repeats > 0 ? `, repeated ${rota.repeats} ${rota.repeats === 1 ? 'time' : 'times'}` : ''}`
}

const tints = ['#a5d8ff', '#ffd8a8', '#b2f2bb', '#eebefa', '#ffec99', '#99e9f2', '#fcc2d7', '#d8f5a2']
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

/** The coming weeks as one bar, a shift as wide as it is long. */
function Shifts({ team, people }: { team: Rota; people: readonly string[] }) {
  const from = Date.now()
  const until = Date.parse(team.shifts.at(-1)?.end ?? new Date().toISOString())
  return (
    <Box style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-label={`Shifts of ${team.team.name}`}>
      <div
        className="shift-track"
        role="img"
        aria-label={team.shifts.map(shift => `${shift.person.name} from ${day.format(new Date(shift.start))}`).join(', ')}
        style={{ minWidth: 640 }}
      >
        {team.shifts.map(shift => {
          const share = ((Date.parse(shift.end) - Math.max(from, Date.parse(shift.start))) / (until - from)) * 100
          return (
            <Tooltip key={shift.start} label={`${shift.person.name}: ${day.format(new Date(shift.start))} – ${day.format(new Date(shift.end))}`}>
              <span style={{ width: `${share}%`, background: tints[people.indexOf(shift.person.id) % tints.length] }}>{shift.person.name}</span>
            </Tooltip>
          )
        })}
      </div>
    </Box>
  )
}
