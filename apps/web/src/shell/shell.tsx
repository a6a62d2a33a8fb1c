import {
  ActionIcon,
  AppShell,
  Box,
  Burger,
  Button,
  Group,
  Kbd,
  Loader,
  Menu,
  NavLink,
  ScrollArea,
  Text,
  Tooltip,
  useMantineColorScheme,
  VisuallyHidden,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Spotlight } from '@mantine/spotlight'
import {
  IconActivity,
  IconAddressBook,
  IconBell,
  IconBellRinging,
  IconBook2,
  IconBuildingSkyscraper,
  IconClockExclamation,
  IconFlame,
  IconHelp,
  IconListCheck,
  IconLogout,
  IconMailForward,
  IconMoon,
  IconPhoneCall,
  IconRadar2,
  IconSearch,
  IconServer,
  IconSettings,
  IconSun,
  IconUser,
  IconUserCircle,
  IconUsers,
} from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useLive } from '../live.ts'
import { capped } from '../parts/capped.ts'
import { ProblemNote } from '../parts/page.tsx'
import { isModified, isShortcut } from '../parts/shortcuts.ts'
import { clockTime } from '../parts/time.tsx'
import { titleOf } from '../parts/title.ts'
import { useUndoKey } from '../parts/undo.tsx'
import { useHasSessionEnded, useMay, useMe } from '../session.ts'
import { Banners } from './banners.tsx'
import { useFocusReturn } from './focus-return.ts'
import { HelpModal } from './help.tsx'
import { LiveChip } from './live-chip.tsx'
import { palette, paletteStore, usePaletteRoles } from './palette.ts'
import { usePathFocus, useSpokenPages } from './spoken.ts'

const places = [
  { to: '/', label: 'Home', icon: IconActivity, group: 'Respond' },
  { to: '/alerts', label: 'Alerts', icon: IconBell, group: 'Respond' },
  { to: '/incidents', label: 'Incidents', icon: IconFlame, group: 'Respond' },
  { to: '/detection', label: 'Detection', icon: IconRadar2, group: 'Respond' },
  { to: '/notices', label: 'Customer notifications', icon: IconClockExclamation, group: 'Respond' },
  { to: '/follow-ups', label: 'Follow-up actions', icon: IconListCheck, group: 'Respond' },
  { to: '/pages', label: 'Pages', icon: IconBellRinging, group: 'Respond' },
  { to: '/on-call', label: 'On call', icon: IconPhoneCall, group: 'Manage' },
  { to: '/services', label: 'Services', icon: IconServer, group: 'Manage' },
  { to: '/customers', label: 'Customers', icon: IconBuildingSkyscraper, group: 'Manage', role: 'responder' },
  { to: '/people', label: 'People', icon: IconUsers, group: 'Manage' },
  { to: '/messages', label: 'Message log', icon: IconMailForward, group: 'Audit', role: 'lead' },
  { to: '/journal', label: 'Audit log', icon: IconBook2, group: 'Audit', role: 'lead' },
  { to: '/settings', label: 'Settings', icon: IconSettings, group: 'Audit' },
  { to: '/reference', label: 'API', icon: IconAddressBook, group: 'Audit' },
] as const
const groups = ['Respond', 'Manage', 'Audit'] as const

/** The frame around every page of a signed-in person. */
export function Shell() {
  const me = useMe()
  const location = useLocation()
  const status = useApi('status')
  const [isMenuOpen, menu] = useDisclosure()
  const [isHelpOpen, help] = useDisclosure()
  const isInside = me?.assurance === 'full'
  const hasEnded = useHasSessionEnded()
  useLive(isInside && !hasEnded)
  useShortcuts(help.toggle)
  useFocusReturn()
  usePathFocus()
  useSpokenPages()
  useUndoKey()
  // Reaching a page closes the menu that led there.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path is what it follows.
  useEffect(() => menu.close(), [location.pathname])

  if (me === undefined) return <Unknown />
  if (!isInside) return <ToSignIn />
  return (
    <AppShell
      navbar={{ width: 268, breakpoint: 'sm', collapsed: { mobile: !isMenuOpen } }}
      header={{ height: 52 }}
      padding={{ base: 'md', sm: 'xl' }}
      layout="alt"
    >
      <a href="#content" className="skip-link">
        Skip to content
      </a>
      <AppShell.Header px="md" style={{ borderColor: 'var(--line)' }}>
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={isMenuOpen} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label="Menu" aria-expanded={isMenuOpen} aria-controls="menu" />
            <Text fw={600} size="sm" truncate>
              {status.data?.organization}
            </Text>
          </Group>
          <Group gap={6} wrap="nowrap">
            <LiveChip />
            <Button
              variant="default"
              size="xs"
              leftSection={<IconSearch size={15} />}
              rightSection={<Kbd size="xs">Ctrl K</Kbd>}
              onClick={palette.open}
              visibleFrom="sm"
              style={{ color: 'var(--quiet)' }}
            >
              Go to
            </Button>
            <ActionIcon variant="subtle" color="gray" onClick={palette.open} hiddenFrom="sm" aria-label="Go to" size="lg">
              <IconSearch size={19} />
            </ActionIcon>
            <Tooltip label="Keyboard shortcuts">
              <ActionIcon variant="subtle" color="gray" onClick={help.open} aria-label="Keyboard shortcuts" size="lg">
                <IconHelp size={19} />
              </ActionIcon>
            </Tooltip>
            <PersonMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar id="menu" className="menu" data-open={isMenuOpen} style={{ background: 'var(--page)', borderColor: 'var(--line)' }}>
        <Group h={52} px="md" gap={10} style={{ borderBottom: '1px solid var(--line)' }} wrap="nowrap" justify="space-between">
          <Group gap={10} wrap="nowrap">
            <img src="/bell.svg" alt="" width={26} height={26} />
            <Text fw={680} size="lg">
              Tocsin
            </Text>
          </Group>
          <Burger opened onClick={menu.close} hiddenFrom="sm" size="sm" aria-label="Close the menu" />
        </Group>
        <ScrollArea style={{ flex: 1 }} p="xs">
          <Places />
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Box
          mx={{ base: 'calc(var(--mantine-spacing-md) * -1)', sm: 'calc(var(--mantine-spacing-xl) * -1)' }}
          mt={{ base: 'calc(var(--mantine-spacing-md) * -1)', sm: 'calc(var(--mantine-spacing-xl) * -1)' }}
          mb="lg"
        >
          <Banners />
        </Box>
        <Outlet />
      </AppShell.Main>
      <GoTo />
      <HelpModal isOpen={isHelpOpen} onClose={help.close} />
    </AppShell>
  )
}

/** Who is signed in is not known yet, or could not be read. */
function Unknown() {
  const me = useApi('me')
  return me.isError ? (
    <Box p="xl" maw={640} mx="auto">
      <ProblemNote error={me.error} onRetry={() => void me.refetch()} />
    </Box>
  ) : (
    <Loader m="xl" role="status" aria-label="Loading" />
  )
}

/** Leads to the sign-in, once: the router's own way there would be followed again with every step of it. */
function ToSignIn() {
  useEffect(() => {
    const { pathname, search } = window.location
    window.location.replace(`/sign-in?to=${encodeURIComponent(`${pathname}${search}`)}`)
  }, [])
  return <Loader m="xl" role="status" aria-label="Loading" />
}

function usePlaces() {
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  return places.filter(place => !('role' in place) || (place.role === 'responder' ? mayRespond : mayLead))
}

function Places() {
  const { pathname } = useLocation()
  const shown = usePlaces()
  const query = useApi('counters')
  const { data: counters } = query
  useEffect(() => titleOf.count(counters?.pagesToMe), [counters?.pagesToMe])
  const counts: Record<string, number | undefined> = {
    '/alerts': counters?.alertsToTriage,
    '/incidents': counters?.openIncidents,
    '/notices': counters?.obligationsDue,
    '/pages': counters?.unacknowledgedPages,
  }
  return (
    <nav aria-label="Main">
      {groups.map(group => (
        <Box key={group} mb="md">
          <Text size="xs" fw={600} className="quiet" px="sm" pb={4}>
            {group}
          </Text>
          {shown
            .filter(place => place.group === group)
            .map(({ to, label, icon: Icon }) => {
              const isHere = to === '/' ? pathname === '/' : pathname.startsWith(to)
              return (
                <NavLink
                  key={to}
                  component={Link}
                  to={to}
                  label={label}
                  active={isHere}
                  aria-current={isHere ? 'page' : undefined}
                  variant="light"
                  color="gray"
                  leftSection={<Icon size={17} stroke={1.7} />}
                  rightSection={to in counts ? <Count n={counts[to]} query={query} /> : null}
                  style={{ borderRadius: 6, padding: '6px 10px', color: 'inherit', fontWeight: isHere ? 600 : 450 }}
                />
              )
            })}
        </Box>
      ))}
    </nav>
  )
}

/** How many there are: nothing for none, and never for what is not known. */
function Count({ n, query: { isError, dataUpdatedAt } }: { n: number | undefined; query: UseQueryResult }) {
  if (n === 0 && !isError) return null
  const text = n === undefined ? (isError ? '?' : '…') : `${capped(n)}${isError ? '?' : ''}`
  const why = n === undefined ? (isError ? 'count could not be loaded' : 'loading') : isError ? `as of ${clockTime(dataUpdatedAt)}` : ''
  return (
    <Text size="xs" className="quiet numeric">
      {text}
      {why === '' ? null : <VisuallyHidden> {why}</VisuallyHidden>}
    </Text>
  )
}

function PersonMenu() {
  const me = useMe()
  const navigate = useNavigate()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const signOut = useCommand('signOut', { onDone: () => window.location.assign('/sign-in') })
  if (!me) return null
  const isDark = colorScheme === 'dark' || (colorScheme === 'auto' && window.matchMedia('(prefers-color-scheme: dark)').matches)
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Account of ${me.person.name}`}>
          <IconUserCircle size={22} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {me.person.name} · {me.person.role}
        </Menu.Label>
        <Menu.Item leftSection={<IconUser size={16} />} onClick={() => void navigate({ to: '/account' })}>
          Account and contact methods
        </Menu.Item>
        <Menu.Item leftSection={isDark ? <IconSun size={16} /> : <IconMoon size={16} />} onClick={() => setColorScheme(isDark ? 'light' : 'dark')}>
          {isDark ? 'Light' : 'Dark'} theme
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate({})}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

function GoTo() {
  const navigate = useNavigate()
  const incidents = useApi('incidents', { query: { view: 'open', limit: 50 } })
  const shown = usePlaces()
  const { dialog, search, list, option } = usePaletteRoles()
  return (
    <Spotlight
      store={paletteStore}
      attributes={dialog}
      scrollAreaProps={list}
      shortcut={null}
      nothingFound="No results"
      searchProps={{ placeholder: 'Search pages and incidents…', ...search }}
      scrollable
      maxHeight={420}
      actions={[
        { group: 'Pages', actions: shown.map(place => ({ ...option, id: place.to, label: place.label, onClick: () => void navigate({ to: place.to }) })) },
        {
          group: incidents.data?.next ? `Latest ${incidents.data.items.length} open incidents` : 'Open incidents',
          actions: (incidents.data?.items ?? []).map(incident => ({
            ...option,
            id: incident.id,
            label: `Incident ${incident.number}: ${incident.title}`,
            description: incident.status,
            onClick: () => void navigate({ to: '/incidents/$id', params: { id: incident.id } }),
          })),
        },
      ]}
    />
  )
}

/** `?` for help, and `g` followed by a letter to go somewhere, as people know it from GitHub. */
function useShortcuts(onHelp: () => void): void {
  const navigate = useNavigate()
  useEffect(() => {
    let isGoing = false
    const press = (event: KeyboardEvent) => {
      if (isModified(event, 'k')) {
        event.preventDefault()
        palette.open()
      }
      if (!isShortcut(event)) return
      if (event.key === '?') onHelp()
      if (event.key === '/') {
        event.preventDefault()
        palette.open()
      }
      const to = { n: '/', a: '/alerts', i: '/incidents', o: '/on-call', c: '/notices' }[event.key]
      if (isGoing && to) void navigate({ to: to as '/' })
      isGoing = event.key === 'g'
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [navigate, onHelp])
}
