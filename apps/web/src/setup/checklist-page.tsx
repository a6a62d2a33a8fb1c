import { Button, Group, Progress, Text } from '@mantine/core'
import type { SetupStep } from '@tocsin/api'
import { useCommand } from '../api.ts'
import { Tone } from '../parts/badges.tsx'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { progressOf, useChecklist } from './checklist.ts'

const states = { done: { color: 'teal', word: 'Done' }, waiting: { color: 'yellow', word: 'Waiting' }, todo: { color: 'gray', word: 'To do' } } as const

/** What each step is called, what it is for, and where it is done. */
const steps = {
  email: { title: 'Email', why: 'Pages, invitations and customer notifications leave by email.', to: '/messages', link: 'Message log' },
  people: {
    title: 'A second person',
    why: 'Somebody to escalate to, and to approve what one person may not decide alone.',
    to: '/people',
    link: 'Invite people',
  },
  team: { title: 'A team', why: 'Security teams lead incidents, engineering teams own services.', to: '/people', link: 'Add a team' },
  'on-call': { title: 'Somebody on call', why: 'A schedule says who is paged now. Without one, all members are.', to: '/on-call', link: 'Set up on call' },
  service: { title: 'A service', why: 'Its name in an alert decides which teams are paged.', to: '/services', link: 'Add a service' },
  integration: { title: 'An integration', why: 'Sends alerts of your monitoring to Tocsin.', to: '/settings', link: 'Add an integration' },
  'log-source': { title: 'A log source', why: 'Sends events that rules are matched with.', to: '/detection', link: 'Open detection' },
  rules: { title: 'Rules', why: 'Turn events into alerts. Tocsin comes with starter rules.', to: '/detection', link: 'Open detection' },
  'recovery-codes': { title: 'Your recovery codes', why: 'Let you sign in if you lose your second factor.', to: '/account', link: 'Create codes' },
} as const

/** What is missing before the first page goes out, each step with what was found. */
export function ChecklistPage() {
  const mayLead = useMay('lead')
  const checklist = useChecklist({ isLive: true })
  return (
    <Page title="Setup checklist" lead="What works so far, and what is missing. Demo data does not count.">
      {mayLead ? (
        <Loaded query={checklist} rows={9}>
          {({ steps: found }) => (
            <>
              <Progress value={(100 * found.filter(({ state }) => state === 'done').length) / found.length} aria-label={`${progressOf(found)} steps done`} />
              <Section title={`${progressOf(found)} done`} isFlush>
                {found.map(step => (
                  <Step key={step.id} step={step} />
                ))}
              </Section>
            </>
          )}
        </Loaded>
      ) : (
        <Empty title="For leads and administrators">Ask one of them to complete the setup.</Empty>
      )}
    </Page>
  )
}

function Step({ step }: { step: SetupStep }) {
  const { title, why, to, link } = steps[step.id]
  const { color, word } = states[step.state]
  return (
    <Group className="list-row" justify="space-between" align="flex-start" gap="xs">
      <div style={{ minWidth: 0, flex: '1 1 260px' }}>
        <Group gap={8}>
          <Tone color={color} minWidth={76}>
            {word}
          </Tone>
          <Text fw={550}>{title}</Text>
        </Group>
        <Text size="sm" className="quiet" mt={4}>
          {why}
        </Text>
        <Text size="sm" component="div" style={{ overflowWrap: 'anywhere' }}>
          {step.found} {step.at === null ? null : <Time at={step.at} isRelative />}
        </Text>
      </div>
      <Group gap="sm">
        {step.id === 'email' ? <TestEmail /> : null}
        <RouteLink to={to} size="sm">
          {link}
        </RouteLink>
      </Group>
    </Group>
  )
}

function TestEmail() {
  const isAdministrator = useMay('administrator')
  const send = useCommand('sendTestEmail')
  if (!isAdministrator) return null
  return (
    <Button size="xs" variant="default" loading={send.isPending} onClick={() => send.mutate({})}>
      Send test email
    </Button>
  )
}
