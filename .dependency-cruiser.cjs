// Who may import whom in src/. A level may import every level below it, and rooms on
// one level do not import each other. A room is a folder or a file directly in src/. Type imports count:
// a room that needs another's service declares the narrow interface it needs, and the factory passes it in.

const foundations = ['schema', 'config', 'input', 'telemetry', 'sql-state', 'errors'];
const connections = ['redis'];
const resources = ['database', 'cache'];
const services = [
  'search',
  'repositories',
  'reembed',
  'sessions',
  'rate-limits',
  'metrics',
  'migrations',
  'backup',
  'vector-index',
];
// What combines two services, on a level of its own.
const combinations = ['cached-entities'];
const belowFactory = [...combinations, ...services, ...resources, ...connections, ...foundations];

/** @type {Record<string, string[]>} room → the rooms it may import */
const arrows = {
  index: ['create-macro-store', ...belowFactory],
  // `index` for its types: the commands see what users see. `database` and `redis` for the doctor, which connects past
  // pool and breaker, as these would hide what it looks for; in the same way as migrations and the cache do.
  cli: ['index', 'create-macro-store', 'migrations', 'backup', 'database', 'redis', ...foundations],
  adapters: ['sessions', ...foundations],
  'create-macro-store': belowFactory,
  ...everyRoom(combinations, [...services, ...resources, ...connections, ...foundations]),
  ...everyRoom(services, [...resources, ...connections, ...foundations]),
  ...everyRoom(resources, [...connections, ...foundations]),
  ...everyRoom(connections, foundations),
  ...everyRoom(foundations, ['errors']),
  config: ['schema', 'input', 'telemetry', 'errors'],
};

function everyRoom(rooms, allowed) {
  return Object.fromEntries(rooms.map((room) => [room, allowed]));
}

function pathsOf(rooms) {
  return rooms.map((room) => `^src/${room}(/|[.]ts$)`);
}

const known = pathsOf(Object.keys(arrows));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(arrows).map(([room, allowed]) => ({
      name: `${room}-imports-only-what-is-below`,
      severity: 'error',
      from: { path: pathsOf([room]) },
      to: { path: '^src/', pathNot: pathsOf([room, ...allowed]) },
    })),
    {
      name: 'every-room-has-a-place',
      comment: 'A new room starts with its arrows in this file.',
      severity: 'error',
      from: { path: '^src/', pathNot: known },
      to: {},
    },
    {
      name: 'every-room-has-a-place-even-if-it-imports-nothing',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: known },
      to: {},
    },
    {
      name: 'no-room-named-for-a-technique',
      comment: 'utils, helpers, common and types say nothing about what is inside.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '/(utils?|helpers?|common|types)(/|[.]ts$)', pathNot: 'node_modules' },
    },
    {
      name: 'no-import-of-what-is-not-shipped',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|scripts|docs|dist)/' },
    },
    {
      name: 'no-import-that-does-not-resolve',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-dependency',
      comment:
        'Peers and bundled modules are dev dependencies too; anything else would be missing after install.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['npm-peer', 'type-only'],
        pathNot: ['node_modules/(uuid|devalue)/'],
      },
    },
    {
      name: 'no-runtime-cycle',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
