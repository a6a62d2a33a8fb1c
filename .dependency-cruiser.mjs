// Three tiers. The kernel knows no domain. Core modules use the kernel and the core modules before them in this list. Features use the core;
// among themselves they know nothing of each other and speak by journal events and by ports that the lower side owns.
const kernel = ['kernel', 'journal']
const core = ['access', 'directory', 'notify', 'scheduling', 'paging', 'alerts', 'incidents']
const features = ['assurance', 'connectors', 'demo', 'detection', 'erasure', 'notices', 'organization', 'reviews']
const inOrder = [...kernel, ...core]
const all = [...inOrder, ...features, 'app']
const folder = name => `^apps/server/src/${name}/`

const upward = inOrder.map((name, place) => ({
  name: `${name} uses only what is below it`,
  severity: 'error',
  from: { path: folder(name), pathNot: '\\.test\\.ts$' },
  to: { path: [...inOrder.slice(place + 1), ...features, 'app'].map(folder) },
}))

// What a feature may use of another: an incident's export holds its notices and its review, and a demo plays through all that there is.
const exceptions = { assurance: ['notices', 'reviews'], demo: ['connectors', 'detection', 'notices', 'reviews', 'organization'] }
const sideways = features.map(name => ({
  name: `${name} knows no other feature`,
  severity: 'error',
  from: { path: folder(name), pathNot: '\\.test\\.ts$' },
  to: { path: [...features.filter(other => other !== name && !exceptions[name]?.includes(other)), 'app'].map(folder) },
}))

const publicApi = all
  .filter(name => name !== 'kernel' && name !== 'app')
  .map(name => ({
    name: `${name} is used by its public API`,
    severity: 'error',
    comment: 'A module is used by its index.ts; tables.ts may refer to the tables of modules below, because foreign keys do.',
    from: { path: '^apps/server/src/', pathNot: [folder(name), '/tables\\.ts$', '\\.test\\.ts$'] },
    to: { path: folder(name), pathNot: `${folder(name)}index\\.ts$` },
  }))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
    ...upward,
    ...sideways,
    ...publicApi,
    {
      name: 'packages know no application',
      severity: 'error',
      from: { path: '^packages/(api|deadlines|events|filter|merkle|oncall|sigma)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'only what is declared is sealed',
      severity: 'error',
      comment: 'A value is sealed by sealFor, for a declared column: a rotation of the master key finds no other.',
      from: { path: '^(apps|packages)/', pathNot: ['^apps/server/src/kernel/(sealed-columns|master-key)\\.ts$', '\\.test\\.ts$'] },
      to: { path: '^apps/server/src/kernel/sealing\\.ts$' },
    },
    { name: 'pages know no server', severity: 'error', from: { path: '^apps/web/src/' }, to: { path: '^apps/server/' } },
    {
      name: 'pure cores do no input or output',
      severity: 'error',
      from: { path: '^packages/(deadlines|events|filter|merkle|oncall)/src/', pathNot: '\\.test\\.ts$' },
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
