/**
 * Who may import whom. Dependencies point down:
 *   api, cli → runs → engine → ports → domain;   access, connectors, stores, documents → ports, domain;   only the wiring
 * (main.ts and its neighbours directly in src) sees everything.
 */
const TESTS = '\\.test\\.ts$';

/** The files directly in src put everything together. */
const CLI = [
  'src/main\\.ts$',
  'src/server\\.ts$',
  'src/version\\.ts$',
  'src/config/',
  'src/access/',
  'src/runs/',
  'src/engine/',
  'src/ports/',
  'src/domain/',
];

/** Files of `from`, except `except`, may import, of this project, only `allowed` (and themselves). */
function layer(name, from, allowed, except = []) {
  const own = from.replace(/[()]/g, '');
  return {
    name,
    severity: 'error',
    comment: `${own} may import only: ${[...allowed, 'itself'].join(', ')}.`,
    from: { path: `^${from}`, pathNot: [TESTS, ...except] },
    to: { path: '^(src|simulators|test|scripts|bench)/', pathNot: [`^${own}`, ...allowed.map((path) => `^${path}`)] },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Move what both need into a third file, or to domain.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'only-listed-packages',
      severity: 'error',
      comment: 'A package that is not in package.json vanishes with the package that brought it.',
      from: { path: '^(src|simulators)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'product-without-test-packages',
      severity: 'error',
      comment: 'devDependencies are not there where only the product is installed.',
      from: { path: '^(src|simulators)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    layer('domain', 'src/domain/', []),
    layer('ports', 'src/ports/', ['src/domain/']),
    layer('engine', 'src/engine/', ['src/ports/', 'src/domain/']),
    layer('runs', 'src/runs/', ['src/engine/', 'src/ports/', 'src/domain/']),
    layer('stores', 'src/stores/', ['src/ports/', 'src/domain/']),
    layer('channels', 'src/channels/', ['src/ports/', 'src/domain/']),
    layer('documents', 'src/documents/', ['src/ports/', 'src/domain/']),
    layer('access', 'src/access/', ['src/ports/', 'src/domain/']),
    layer('api', 'src/api/', ['src/access/', 'src/runs/', 'src/engine/', 'src/ports/', 'src/domain/']),
    // The demonstration brings its own sample practice.
    layer('cli', 'src/cli/', [
      'src/(main|server|version)\\.ts$',
      // The demo starts the sample practice.
      'simulators/[^/]+/',
      'src/config/',
      'src/access/',
      'src/runs/',
      'src/engine/',
      'src/ports/',
      'src/domain/',
    ]),
    {
      name: 'demo',
      severity: 'error',
      from: { path: '^src/cli/commands/demo\\.ts$' },
      to: { path: '^(src|test|scripts|bench)/', pathNot: ['^src/cli/', ...CLI.map((path) => `^${path}`)] },
    },
    {
      name: 'commands-load-late',
      severity: 'error',
      comment:
        'Whoever asks for help must not wait for the whole program: import() it where the command does its work.',
      from: { path: '^src/cli/', pathNot: '^src/cli/demo(-cliniko|-portal)?\\.ts$' },
      to: {
        path: ['^src/(main|server|config/load)\\.ts$', '^src/cli/demo(-cliniko|-portal)?\\.ts$', '^simulators/'],
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    // The words of a connector's settings live with the connector, those of access with access.
    layer('config', 'src/config/', [
      'src/connectors/[^/]+/(settings|mapping)\\.ts$',
      'src/access/settings\\.ts$',
      'src/domain/',
    ]),
    {
      name: 'connectors',
      severity: 'error',
      comment: 'A connector may import only ports, domain and itself: never another connector.',
      from: { path: '^src/connectors/([^/]+)/', pathNot: TESTS },
      to: {
        path: '^(src|simulators|test|scripts|bench)/',
        pathNot: ['^src/connectors/$1/', '^src/ports/', '^src/domain/'],
      },
    },
    {
      name: 'config-is-for-the-top',
      severity: 'error',
      comment: 'Everything else gets its settings as an argument.',
      from: {
        path: '^src/',
        pathNot: [
          '^src/(config|cli)/',
          '^src/(main|server|document-service|open-connections|live-connections)\\.ts$',
          TESTS,
        ],
      },
      to: { path: '^src/config/' },
    },
    {
      name: 'wiring-is-the-top',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '^src/server\\.ts$', TESTS] },
      to: { path: '^src/(main|server)\\.ts$' },
    },
    {
      name: 'simulators-stand-alone',
      severity: 'error',
      comment: 'A stand-in that shares code with what it tests shares its mistakes.',
      from: { path: '^simulators/', pathNot: TESTS },
      to: { path: '^(src|test|scripts|bench)/' },
    },
    {
      name: 'product-without-tests',
      severity: 'error',
      from: { path: '^(src|simulators)/', pathNot: TESTS },
      to: { path: ['^(test|bench)/', TESTS] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
