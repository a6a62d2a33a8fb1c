// The floors of the house, lowest first: a room calls only rooms below it. Rooms on one floor do not know each other.
const floors = [
  ['platform'],
  ['journal'],
  ['identity'],
  ['catalog'],
  ['oncall'],
  ['organization'],
  ['alerts'],
  ['incidents'],
  ['detection', 'intake', 'notices', 'reviews'],
  ['assurance', 'demo'],
  ['app'],
]
const room = name => `^apps/server/src/${name}/`

const upward = floors.slice(0, -1).flatMap((rooms, floor) =>
  rooms.map(name => ({
    name: `${name} calls only what is below it`,
    severity: 'error',
    from: { path: room(name), pathNot: '\\.test\\.ts$' },
    to: {
      path: floors
        .slice(floor)
        .flat()
        .filter(other => other !== name)
        .map(room),
    },
  })),
)

const faces = floors
  .slice(1)
  .flat()
  .map(name => ({
    name: `${name} is entered by its face`,
    severity: 'error',
    comment: 'A room is used by its index.ts; tables.ts may refer to the tables of rooms below, because foreign keys do.',
    from: { path: '^apps/server/src/', pathNot: [room(name), '/tables\\.ts$', '\\.test\\.ts$'] },
    to: { path: room(name), pathNot: `${room(name)}index\\.ts$` },
  }))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
    ...upward,
    ...faces,
    {
      name: 'packages know no application',
      severity: 'error',
      from: { path: '^packages/(api|deadlines|events|merkle|oncall|sigma)/' },
      to: { path: '^apps/' },
    },
    { name: 'pages know no server', severity: 'error', from: { path: '^apps/web/src/' }, to: { path: '^apps/server/' } },
    {
      name: 'pure cores do no input or output',
      severity: 'error',
      from: { path: '^packages/(deadlines|events|merkle|oncall)/src/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    { name: 'nothing unresolved', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^(vite/client|virtual:|/)' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|migrations)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], extensions: ['.ts', '.tsx', '.mjs', '.js'] },
  },
}
