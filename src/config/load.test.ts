// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration has placeholders of this form
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import type { Config, VsrxConnectionConfig } from './config.ts';
import { loadConfig } from './load.ts';
import { ConfigError, didYouMean, type Mistake } from './mistake.ts';
import { parseDuration, parseSize, parseTimeOfDay } from './quantity.ts';

const SECRET = 's3cr3t-Zebra';
const DATABASE = `mysql://reader:${SECRET}@ehr.example:3306/vsrx`;
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'chartsync-config-'));
});
afterAll(() => rm(cwd, { recursive: true }));
beforeEach(() => rm(join(cwd, 'chartsync.yaml'), { force: true }));

type Env = Record<string, string | undefined>;

async function load(yaml: string | null, env: Env = {}): Promise<Config> {
  if (yaml !== null) await writeFile(join(cwd, 'chartsync.yaml'), yaml);
  return loadConfig({ env, cwd });
}

async function mistakesOf(yaml: string | null, env: Env = {}): Promise<readonly Mistake[]> {
  try {
    await load(yaml, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

/** One connection with these lines of settings or of its own. */
const connection = (settings: string, own = '') => `
organizations:
  - id: org_riverside
    connections:
      - id: riverside-vsrx
        connector: vsrx
        ${own}
        settings: { database: "${DATABASE}", fileBasePath: /srv/vsrx/login, ${settings} }
`;

describe('defaults', () => {
  test('without file and variables', async () => {
    expect(await load(null)).toEqual({
      home: join(cwd, '.chartsync'),
      file: null,
      server: { host: '127.0.0.1', port: 8420 },
      adminKey: null,
      encryptionKey: null,
      encryptionKeysOld: [],
      auth: {
        trustedProxies: [],
        oidc: [],
        clientCertificates: null,
        rateLimits: {
          requestsPerAddress: { count: 60_000, periodMs: 60_000 },
          requestsPerKey: { count: 20_000, periodMs: 60_000 },
          syncStartsPerKey: { count: 60, periodMs: 60_000 },
          failedAuthenticationsPerAddress: { count: 20, periodMs: 300_000 },
        },
      },
      alerts: { smtp: null, allowedAddresses: [] },
      connectionSettings: {
        form: expect.any(Function),
        refused: expect.any(Function),
        resolve: expect.any(Function),
      },
      databaseUrl: null,
      programPath: '',
      ocrLanguages: ['eng'],
      logLevel: 'info',
      dryRun: false,
      scheduler: true,
      organizations: [],
      stores: {
        blobs: { kind: 'filesystem', folder: join(cwd, '.chartsync/blobs') },
        search: { kind: 'lancedb', folder: join(cwd, '.chartsync/search'), embeddings: null },
      },
      languageModel: null,
      components: { origins: [] },
      deletionGuard: { maxCount: 50, maxPercent: 10, minCount: 5 },
      consistency: { at: 150, timeBoxMs: 7_200_000, samplePercent: 1 },
      limits: {
        maxFileSize: 52_428_800,
        filesPerBatch: 50,
        maxParallelUploads: 5,
        retryAttempts: 3,
        retryDelayMs: 5000,
        runsPerProcess: 8,
        fanOutUnits: 500,
        helpersPerRun: 4,
        documentsAtOnce: 3,
        databaseConnections: 10,
      },
      retention: {
        runsMs: 7_776_000_000,
        releasedBlobsMs: 2_592_000_000,
        tombstonesMs: null,
        auditMs: 189_388_800_000,
      },
      portals: { browsers: 2, chromium: null, datesAtOnce: 3 },
    });
  });

  test('of a connection', async () => {
    const config = await load(connection(''));
    expect(config.organizations[0]?.connections[0]).toMatchObject({
      organizationId: 'org_riverside',
      id: 'riverside-vsrx',
      schedule: { kind: 'every', everyMs: 1_800_000 },
      timeZone: 'UTC',
      settings: {
        database: 'mysql://ehr.example:3306/vsrx',
        fileBasePath: '/srv/vsrx/login',
        activate: 'recorded',
        pathPrefixes: ['notes/'],
        shareMarker: null,
        modes: { deepMs: 86_400_000, checksumMs: null },
        maxFileSize: 52_428_800,
        timeouts: { connectMs: 60_000, queryMs: 60_000, fileMs: 60_000 },
      },
      credentials: { databaseUrl: DATABASE },
    });
  });

  test('the result is frozen to its depth', async () => {
    const config = await load(connection('pathPrefixes: [notes/, scans/]'));
    const { settings } = config.organizations[0]!.connections[0] as VsrxConnectionConfig;
    const prefixes = settings.pathPrefixes as string[];
    expect(() => prefixes.push('x/')).toThrow(TypeError);
    expect(() => Object.assign(config.limits, { filesPerBatch: 1 })).toThrow(TypeError);
  });
});

describe('schedules', () => {
  test.each([
    ['{ every: 10m }', { kind: 'every', everyMs: 600_000 }],
    ['manual', null],
    ['{ cron: "0 2 * * 1-5" }', { kind: 'cron', cron: '0 2 * * 1-5' }],
    [
      '{ every: 10m, between: "08:00-18:00", on: [fri, mon], else: 30m }',
      { kind: 'window', everyMs: 600_000, fromMinute: 480, toMinute: 1080, days: [1, 5], elseMs: 1_800_000 },
    ],
    [
      '{ every: 1h, between: 22:00-06:00 }',
      { kind: 'window', everyMs: 3_600_000, fromMinute: 1320, toMinute: 360, days: [1, 2, 3, 4, 5], elseMs: null },
    ],
  ])('%s', async (text, schedule) => {
    const config = await load(connection('', `schedule: ${text}`));
    expect(config.organizations[0]?.connections[0]?.schedule).toEqual(schedule);
  });

  test.each([
    ['{ every: 5s }', 'schedule.every', 'from 1m to 7d'],
    ['{ every: 10 }', 'schedule.every', 'from 1m to 7d'],
    ['{ every: 10m, between: "08:00-08:00" }', 'schedule.between', 'two different times'],
    ['{ every: 10m, between: "8-18" }', 'schedule.between', 'two different times'],
    ['{ every: 10m, between: "08:00-18:00", on: [] }', 'schedule.on', 'a list of days'],
    ['{ every: 10m, between: "08:00-18:00", on: [tues] }', 'schedule.on[0]', 'Did you mean "tue"?'],
    ['{ between: "08:00-18:00" }', 'schedule.every', 'is missing'],
    ['{ cron: "0 2 * *" }', 'schedule.cron', 'five cron fields'],
    ['{ cron: "0 2 31 2 *" }', 'schedule.cron', 'five cron fields'],
    ['{ cron: "0 25 * * *" }', 'schedule.cron', 'five cron fields'],
    ['{ cron: "0 2 * * *", every: 10m }', '', 'there is no setting of this name'],
    ['hourly', 'schedule', 'a schedule such as { every: 10m }, or manual'],
    ['', 'schedule', 'has no value'],
  ])('%s is refused', async (text, path, message) => {
    const [mistake, ...more] = await mistakesOf(connection('', `schedule: ${text}`));
    expect(more).toEqual([]);
    expect(mistake?.path).toContain(`organizations[0].connections[0].${path}`);
    expect(mistake?.message).toContain(message);
  });
});

describe('mistakes', () => {
  test('are all named at once, with path and place', async () => {
    const yaml = `organisations: []
organizations:
  - id: org riverside
    timeZone: Australia/Sidney
    connections:
      - id: a
        connector: vsrx
        shedule: { every: 10m }
        settings: { database: "oracle://x:${SECRET}@h/db", fileBasePath: /srv, activate: every }
      - id: b
        connector: vsrx
        settings: { fileBasePath: /srv, mapping: vrsx }
      - { id: c, connector: idexx, settings: { daysAhead: 61 } }
      - { id: d, connector: vsxr }
      - { id: e }
deletionGuard: { maxPercent: 101, maxCount: "many" }
stores: { blobs: { kind: azure } }
`;
    expect(await mistakesOf(yaml, { PORT: '80000' })).toEqual([
      { path: 'PORT', place: 'environment', message: 'expected a whole number from 0 to 65535' },
      {
        path: 'organisations',
        place: 'chartsync.yaml:1:1',
        message: 'there is no setting of this name. Did you mean "organizations"?',
      },
      {
        path: 'organizations[0].id',
        place: 'chartsync.yaml:3:9',
        message: 'expected 1 to 64 letters, digits, "-" or "_"',
      },
      {
        path: 'organizations[0].timeZone',
        place: 'chartsync.yaml:4:15',
        message: 'expected the IANA name of a time zone that exists, such as Australia/Sydney',
      },
      {
        path: 'organizations[0].connections[0].shedule',
        place: 'chartsync.yaml:8:9',
        message: 'there is no setting of this name. Did you mean "schedule"?',
      },
      expect.objectContaining({
        path: 'organizations[0].connections[0].settings.database',
        place: 'chartsync.yaml:9:31',
        message: expect.stringContaining('expected a URL such as mysql://'),
      }),
      {
        path: 'organizations[0].connections[0].settings.activate',
        place: expect.stringMatching(/^chartsync\.yaml:9:/),
        message: 'expected one of "all", "recorded", "source"',
      },
      {
        path: 'organizations[0].connections[1].settings.mapping',
        place: 'chartsync.yaml:12:50',
        message: 'expected one of "vsrx", "generic". Did you mean "vsrx"?',
      },
      {
        path: 'organizations[0].connections[2].settings.daysAhead',
        place: 'chartsync.yaml:13:59',
        message: 'expected a whole number from 1 to 60',
      },
      {
        path: 'organizations[0].connections[3].connector',
        place: 'chartsync.yaml:14:29',
        message: 'expected one of "vsrx", "cliniko", "idexx". Did you mean "vsrx"?',
      },
      {
        path: 'organizations[0].connections[4].connector',
        place: 'chartsync.yaml:15:9',
        message: 'is missing: expected one of "vsrx", "cliniko", "idexx"',
      },
      { path: 'deletionGuard.maxPercent', place: 'chartsync.yaml:16:30', message: 'expected a number from 0 to 100' },
      {
        path: 'deletionGuard.maxCount',
        place: 'chartsync.yaml:16:45',
        message: 'expected a whole number from 0 to 1000000000',
      },
      expect.objectContaining({
        path: 'stores.blobs.connectionString',
        message: expect.stringContaining('is missing: expected a connection string of Azure Storage'),
      }),
    ]);
  });

  test('origins of pages with the component: no path, nothing else', async () => {
    const config = await load('components: { origins: ["https://EHR.example/", "http://localhost:3000"] }\n');
    expect(config.components.origins).toEqual(['https://ehr.example', 'http://localhost:3000']);
    for (const wrong of ['https://ehr.example/page', '*', 'ehr.example', 'null', 'https://a:b@ehr.example']) {
      expect(await mistakesOf(`components: { origins: ["${wrong}"] }\n`)).toMatchObject([
        { path: 'components.origins[0]', message: expect.stringContaining('an origin such as') },
      ]);
    }
  });

  test('a contradiction beside a mistake is named too', async () => {
    const yaml = `organizations:
  - id: one
    connections:
      - { id: a, connector: vsrx, settings: { database: "${DATABASE}", fileBasePath: /srv } }
      - { id: a, connector: vsrx, settings: { database: "${DATABASE}", fileBasePath: /srv } }
      - { id: b, connector: vsrx, settings: { database: 3 } }
      - { id: c, connector: vsrx }
  - id: one
`;
    const mistakes = await mistakesOf(yaml);
    expect(mistakes.map((m) => m.path)).toEqual([
      'organizations[0].connections[2].settings.database',
      'organizations[0].connections[1].id',
      'organizations[0].connections[3].settings.database',
      'organizations[0].connections[3].settings.fileBasePath',
      'organizations[1].id',
    ]);
    expect(mistakes[1]?.message).toBe('"a" is the id of organizations[0].connections[0] already');
  });

  test.each([
    ['pathPrefixes: [/notes/]', 'settings.pathPrefixes[0]'],
    ['pathPrefixes: ["../x/"]', 'settings.pathPrefixes[0]'],
    ['pathPrefixes: [notes]', 'settings.pathPrefixes[0]'],
    ['pathPrefixes: [a/, a/]', 'settings.pathPrefixes'],
    ['shareMarker: ../marker', 'settings.shareMarker'],
    ['sourceTimeZone: "+10:00"', 'settings.sourceTimeZone'],
    ['maxFileSize: 6GiB', 'settings.maxFileSize'],
    ['maxFileSize: 0', 'settings.maxFileSize'],
    ['timeouts: { query: 0s }', 'settings.timeouts.query'],
    ['modes: { deep: sometimes }', 'settings.modes.deep'],
    ['mapping: { preset: vsrx, file: { table: "x; DROP" } }', 'settings.mapping.file.table'],
    ['mapping: { preset: vsrx, fileToPatient: [[a.b, c.d]] }', 'settings.mapping'],
    ['mapping: { preset: vsrx, sourceTimeZone: UTC }, sourceTimeZone: Asia/Tokyo', 'settings.sourceTimeZone'],
  ])('%s is refused', async (settings, path) => {
    const mistakes = await mistakesOf(connection(settings));
    expect(mistakes.map((m) => m.path)).toEqual([`organizations[0].connections[0].${path}`]);
  });

  test('broken YAML is described without quoting the file', async () => {
    for (const yaml of [
      `a: "${SECRET}`,
      `a: *${SECRET}`,
      `a: 1\na: ${SECRET}`,
      `a:\n\t- ${SECRET}`,
      `a: {${SECRET}`,
      `a: "\\q${SECRET}"`,
      `%${SECRET}\na: b: c`,
      `a: !!${SECRET} x: y`,
      `a: &a [${SECRET}, ${SECRET}]\nb: &b [${'*a, '.repeat(20)}]\nc: &c [${'*b, '.repeat(20)}]\nd: [${'*c, '.repeat(20)}]`,
    ]) {
      const mistakes = await mistakesOf(yaml);
      expect(mistakes.length).toBeGreaterThan(0);
      expect(JSON.stringify(mistakes)).not.toContain(SECRET);
      expect(mistakes[0]?.place).toMatch(/^chartsync\.yaml:\d+:\d+$/);
    }
  });

  test('advice fits the mistake: quotes only help a number that is a text, and a line in the wrong column is one', async () => {
    const [time] = await mistakesOf(connection('', 'schedule: { every: 10 }'));
    expect(time?.message).toBe('expected a time from 1m to 7d, such as 10m or 2h');
    const [folder] = await mistakesOf(connection('shareMarker: 7'));
    expect(folder?.message).toContain('put a number in quotes');
    const [line] = await mistakesOf('organizations:\n  - id: a\n   name: b\n');
    expect(line?.message).toContain('not indented like its neighbours');
  });

  test('a named file must exist', async () => {
    await expect(loadConfig({ env: {}, cwd, file: 'other.yaml' })).rejects.toThrow(/there is no such file/);
    await expect(loadConfig({ env: { CHARTSYNC_CONFIG: 'other.yaml' }, cwd })).rejects.toThrow(/there is no such file/);
  });

  test('a list at the top is refused', async () => {
    expect(await mistakesOf('- 1')).toHaveLength(1);
  });
});

describe('variables in values', () => {
  test('are filled in, also as numbers, with defaults and escapes', async () => {
    const yaml = `${connection(
      'maxFileSize: "${SIZE:-20MiB}", shareMarker: "$${x}-${A}${B:-}"',
    )}limits: { filesPerBatch: "\${BATCH}" }\nretention: { runs: "\${RUNS:-1d}" }\n`;
    const config = await load(yaml, { A: 'a', BATCH: '7', RUNS: '' });
    const settings = config.organizations[0]?.connections[0]?.settings;
    expect(settings).toMatchObject({ maxFileSize: 20_971_520, shareMarker: '${x}-a' });
    expect(config.limits.filesPerBatch).toBe(7);
    expect(config.retention.runsMs).toBe(86_400_000);
  });

  test('that are not set, or not well formed, are mistakes', async () => {
    const yaml = 'stores:\n  blobs: { kind: azure, connectionString: "${NOWHERE}", container: "${not a name}" }\n';
    expect(await mistakesOf(yaml)).toMatchObject([
      {
        path: 'stores.blobs.connectionString',
        place: 'chartsync.yaml:2:43',
        message: 'the environment variable NOWHERE is not set',
      },
      { path: 'stores.blobs.container', message: expect.stringContaining('${NAME}') },
    ]);
  });

  test('never appear in a message', async () => {
    const yaml = connection('activate: "${V}", mapping: "${V}", maxFileSize: "${V}"', 'schedule: "${V}"');
    const mistakes = await mistakesOf(yaml, { V: 'vsrxx' });
    expect(mistakes).toHaveLength(4);
    expect(JSON.stringify(mistakes)).not.toMatch(/vsrxx|Did you mean/);
  });
});

describe('the seeds’ variables', () => {
  const mysql = { MYSQL_HOST: 'ehr.example', MYSQL_USER: 'rea:der', MYSQL_PASSWORD: 'p@ss/w', MYSQL_DATABASE: 'vsrx' };

  test('alone make one connection', async () => {
    const config = await load(null, {
      ...mysql,
      VSRX_FILE_BASE_PATH: 'login',
      ENABLE_AUTO_SYNC: 'false',
      SYNC_BATCH_SIZE: '20',
      SYNC_RETRY_ATTEMPTS: '5',
      SYNC_RETRY_DELAY_MS: '100',
      SYNC_DRY_RUN: 'TRUE',
      SYNC_LOG_LEVEL: 'debug',
    });
    const found = config.organizations[0]?.connections[0] as VsrxConnectionConfig | undefined;
    expect(found?.credentials.databaseUrl).toBe('mysql://rea%3Ader:p%40ss%2Fw@ehr.example:3306/vsrx');
    expect(found?.settings).toMatchObject({
      database: 'mysql://ehr.example:3306/vsrx',
      fileBasePath: join(cwd, 'login'),
    });
    expect(found?.schedule).toBeNull();
    expect(config).toMatchObject({
      dryRun: true,
      logLevel: 'debug',
      limits: { filesPerBatch: 20, retryAttempts: 5, retryDelayMs: 100 },
    });
  });

  test('are defaults for the file', async () => {
    const env = {
      VSRX_MYSQL_CONNECTION_STRING: DATABASE,
      VSRX_FILE_BASE_PATH: '/srv',
      AUTO_SYNC_INTERVAL_MINUTES: '5',
    };
    const yaml =
      'organizations: [{ id: o, connections: [{ id: c, connector: vsrx, settings: { fileBasePath: /other } }] }]';
    const found = (await load(yaml, env)).organizations[0]?.connections[0];
    expect(found).toMatchObject({
      settings: { fileBasePath: '/other' },
      credentials: { databaseUrl: DATABASE },
      schedule: { kind: 'every', everyMs: 300_000 },
    });
  });

  test('that contradict or lack a part are refused', async () => {
    expect(
      await mistakesOf(null, { ...mysql, VSRX_MYSQL_CONNECTION_STRING: DATABASE, VSRX_FILE_BASE_PATH: '/x' }),
    ).toMatchObject([{ path: 'VSRX_MYSQL_CONNECTION_STRING' }]);
    expect(await mistakesOf(null, { MYSQL_HOST: 'h', VSRX_FILE_BASE_PATH: '/x' })).toMatchObject([
      { path: 'MYSQL_DATABASE' },
      { path: 'VSRX_MYSQL_CONNECTION_STRING' },
    ]);
    expect(await mistakesOf(null, { VSRX_MYSQL_CONNECTION_STRING: DATABASE })).toMatchObject([
      { path: 'VSRX_FILE_BASE_PATH' },
    ]);
  });

  test('select Azure when the file names no blob store', async () => {
    const env = { AZURE_STORAGE_CONNECTION_STRING: 'AccountName=a;AccountKey=b' };
    expect((await load('', env)).stores.blobs).toEqual({
      kind: 'azure',
      connectionString: env.AZURE_STORAGE_CONNECTION_STRING,
      container: 'documents',
    });
    expect((await load('stores: { blobs: { kind: filesystem } }', env)).stores.blobs.kind).toBe('filesystem');
    expect(await mistakesOf('', { AZURE_STORAGE_CONNECTION_STRING: SECRET })).toHaveLength(1);
  });

  test('for secrets are checked without being shown', async () => {
    const env = {
      CHARTSYNC_ADMIN_KEY: 'short',
      CHARTSYNC_ENCRYPTION_KEY: 'AAAA',
      DATABASE_URL: `mysql://u:${SECRET}@h/d`,
    };
    const mistakes = await mistakesOf(null, env);
    expect(mistakes.map((m) => m.path)).toEqual(Object.keys(env));
    expect(JSON.stringify(mistakes)).not.toMatch(new RegExp(`short"|AAAA|${SECRET}`));
  });
});

describe('the search index', () => {
  const search = async (text: string, env: Env = {}) => (await load(`stores: { search: ${text} }`, env)).stores.search;

  test.each([
    ['{ kind: none }', { kind: 'none' }],
    ['{ kind: lancedb, folder: /srv/index }', { kind: 'lancedb', folder: '/srv/index', embeddings: null }],
    ['{ kind: openai, apiKey: k }', { kind: 'openai', apiKey: 'k', endpoint: null, apiVersion: null }],
    [
      '{ kind: openai, apiKey: k, endpoint: "https://name.openai.azure.com", apiVersion: 2024-05-01-preview }',
      { kind: 'openai', apiKey: 'k', endpoint: 'https://name.openai.azure.com', apiVersion: '2024-05-01-preview' },
    ],
  ])('%s', async (text, expected) => {
    expect(await search(text)).toEqual(expected);
  });

  test('of LanceDB lies in the home folder, or where the file says, and may compare meanings', async () => {
    expect(await search('{ kind: lancedb }')).toMatchObject({ folder: join(cwd, '.chartsync/search') });
    const embeddings = '{ endpoint: "http://127.0.0.1:8080/v1", model: m, dimensions: 768 }';
    expect(await search(`{ kind: lancedb, folder: index, embeddings: ${embeddings} }`)).toEqual({
      kind: 'lancedb',
      folder: join(cwd, 'index'),
      embeddings: { endpoint: 'http://127.0.0.1:8080/v1', apiKey: null, model: 'm', dimensions: 768 },
    });
    const secret = embeddings.replace('{', '{ apiKey: "${EMBEDDINGS_KEY}",');
    expect(await search(`{ kind: lancedb, embeddings: ${secret} }`, { EMBEDDINGS_KEY: 'k' })).toMatchObject({
      embeddings: { apiKey: 'k' },
    });
  });

  test.each([
    ['{ kind: lucene }', 'kind'],
    ['{ kind: openai }', 'apiKey'],
    ['{ kind: openai, apiKey: k, endpoint: "ftp://x" }', 'endpoint'],
    ['{ kind: openai, apiKey: k, endpoint: "https://u:p@x" }', 'endpoint'],
    ['{ kind: openai, apiKey: k, apiVersion: 2024-05-01-preview }', 'endpoint'],
    ['{ kind: lancedb, apiKey: k }', 'apiKey'],
    ['{ kind: lancedb, embeddings: { endpoint: "https://x/v1", model: m } }', 'embeddings.dimensions'],
    ['{ kind: lancedb, embeddings: { endpoint: x, model: m, dimensions: 3 } }', 'embeddings.endpoint'],
    ['{ kind: lancedb, embeddings: { endpoint: "https://x/v1", model: m, dimensions: 0 } }', 'embeddings.dimensions'],
  ])('%s is refused', async (text, path) => {
    const mistakes = await mistakesOf(`stores: { search: ${text} }`);
    expect(mistakes.map((m) => m.path)).toEqual([`stores.search.${path}`]);
  });
});

describe('the language model', () => {
  const modelOf = async (text: string, env: Env = {}) => (await load(`languageModel: ${text}`, env)).languageModel;

  test('is none unless the file names one, with its key from the environment', async () => {
    expect(await modelOf('{ endpoint: "https://models.example/v1/", model: m }')).toEqual({
      endpoint: 'https://models.example/v1',
      apiKey: null,
      model: 'm',
      timeoutMs: 60_000,
      maxPassages: 20,
    });
    const given = '{ endpoint: "http://127.0.0.1:8080/v1", model: m, apiKey: "${KEY}", timeout: 10s, maxPassages: 5 }';
    expect(await modelOf(given, { KEY: SECRET })).toMatchObject({ apiKey: SECRET, timeoutMs: 10_000, maxPassages: 5 });
  });

  test.each([
    ['{ model: m }', 'endpoint'],
    ['{ endpoint: "https://x/v1" }', 'model'],
    ['{ endpoint: x, model: m }', 'endpoint'],
    ['{ endpoint: "https://u:p@x/v1", model: m }', 'endpoint'],
    ['{ endpoint: "https://x/v1?api-version=1", model: m }', 'endpoint'],
    ['{ endpoint: "http://models.example/v1", model: m }', 'endpoint'],
    ['{ endpoint: "https://x/v1", model: m, apiKey: "two words" }', 'apiKey'],
    ['{ endpoint: "https://x/v1", model: m, timeout: 500ms }', 'timeout'],
    ['{ endpoint: "https://x/v1", model: m, timeout: 10m }', 'timeout'],
    ['{ endpoint: "https://x/v1", model: m, maxPassages: 0 }', 'maxPassages'],
    ['{ endpoint: "https://x/v1", model: m, maxPassages: 51 }', 'maxPassages'],
    ['{ endpoint: "https://x/v1", model: m, key: k }', 'key'],
  ])('%s is refused', async (text, path) => {
    const mistakes = await mistakesOf(`languageModel: ${text}`);
    expect(mistakes.map((m) => m.path)).toEqual([`languageModel.${path}`]);
  });

  test('is reached without TLS elsewhere only when that is meant', async () => {
    const env = { CHARTSYNC_ALLOW_PRIVATE_SOURCES: '1' };
    expect(await modelOf('{ endpoint: "http://models.example/v1", model: m }', env)).toMatchObject({
      endpoint: 'http://models.example/v1',
    });
  });
});

describe('documents of a VSRX connection', () => {
  const documentsOf = (config: Config) => {
    const { settings, credentials } = config.organizations[0]!.connections[0] as VsrxConnectionConfig;
    return { ...settings.documents, apiKey: credentials.documentsApiKey };
  };

  test('go to another machine by the file, or by the variables of a VitalSign installation', async () => {
    const own = 'documents: { kind: remote, endpoint: "https://documents.example/", apiKey: "${DOCUMENTS}" }';
    expect(documentsOf(await load(connection('', own), { DOCUMENTS: SECRET }))).toEqual({
      endpoint: 'https://documents.example',
      organization: null,
      send: 'original',
      timeoutMs: 120_000,
      apiKey: SECRET,
    });
    const env = {
      VITALSIGN_PROCESS_ENDPOINT: 'https://vitalsign.example/api/process',
      SilknoteDocAnalysis_SERVER_PATH: 'https://vitalsign.example',
      CHARTSYNC_DOCUMENTS_KEY: SECRET,
    };
    expect(documentsOf(await load(connection(''), env))).toMatchObject({
      endpoint: 'https://vitalsign.example/api/process',
      send: 'pdf',
      apiKey: SECRET,
    });
    const here = await load(connection('', 'documents: { kind: here }'), env);
    expect((here.organizations[0]!.connections[0] as VsrxConnectionConfig).settings.documents).toBeNull();
  });

  test('never cross a network without TLS unless that is meant, and have one place', async () => {
    const own = 'documents: { kind: remote, endpoint: "http://documents.example" }';
    expect(await mistakesOf(connection('', own))).toMatchObject([
      { path: 'organizations[0].connections[0].documents.endpoint' },
    ]);
    expect(await mistakesOf(connection('', own), { CHARTSYNC_ALLOW_PRIVATE_SOURCES: '1' })).toEqual([]);
    expect(await mistakesOf(connection('', 'documents: { kind: remote }'))).toMatchObject([
      { path: 'organizations[0].connections[0].documents.endpoint' },
    ]);
    const env = {
      VITALSIGN_PROCESS_ENDPOINT: 'https://one.example',
      SilknoteDocAnalysis_SERVER_PATH: 'https://two.example',
    };
    expect(await mistakesOf(connection(''), env)).toMatchObject([{ path: 'VITALSIGN_PROCESS_ENDPOINT' }]);
  });

  test('are mirrored only into MySQL or MariaDB', async () => {
    expect(await mistakesOf(connection('mirrorTables: true'))).toEqual([]);
    const postgres = connection('mirrorTables: true').replace('mysql:', 'postgres:');
    expect(await mistakesOf(postgres)).toMatchObject([
      { path: 'organizations[0].connections[0].settings.mirrorTables' },
    ]);
  });
});

test('whatever is broken, only known mistakes come out and no secret is in them', async () => {
  const whole = parseDocument(`organizations:
  - id: o
    name: n
    timeZone: UTC
    connections:
      - id: c
        connector: vsrx
        schedule: { every: 10m, between: "08:00-18:00", on: [mon], else: 30m }
        settings: { database: "mysql://h/db", fileBasePath: /srv, mapping: { preset: vsrx, patient: { name: full } }, modes: { deep: 1d } }
        credentials: { username: reader, password: ${SECRET} }
stores: { blobs: { kind: azure, connectionString: "AccountName=a;AccountKey=${SECRET}", container: c-c }, search: { kind: lancedb, folder: f, embeddings: { endpoint: "https://e.example/v1", apiKey: ${SECRET}, model: m, dimensions: 3 } } }
languageModel: { endpoint: "https://m.example/v1", apiKey: ${SECRET}, model: m, timeout: 10s, maxPassages: 5 }
deletionGuard: { maxCount: 1, maxPercent: 2.5, minCount: 0 }
limits: { maxFileSize: 1MB, retryDelay: 1s }
retention: { runs: forever }
components: { origins: ["https://ehr.example"] }
auth:
  trustedProxies: [10.0.0.1]
  oidc: [{ issuer: "https://login.example", audience: a, roles: { r: viewer }, organizations: [o] }]
  clientCertificates: { certificates: [{ fingerprint: "${'ab'.repeat(32)}", organization: o, role: viewer }] }
  rateLimits: { requestsPerKey: 10/1m }
`).toJS();
  expect(await mistakesOf(JSON.stringify(whole))).toEqual([]);

  const paths: (string | number)[][] = [];
  const collect = (value: unknown, path: (string | number)[]) => {
    if (path.length > 0) paths.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      collect((value as Record<string, unknown>)[key], [...path, Array.isArray(value) ? Number(key) : key]);
    }
  };
  collect(whole, []);
  const change = fc.record({
    path: fc.constantFrom(...paths),
    value: fc.oneof(
      fc.constant(undefined),
      fc.constantFrom(`${SECRET}`, `x://${SECRET}@`, `mysql://u:${SECRET}@h`, '${', '__proto__', 'constructor'),
      fc.jsonValue({ maxDepth: 2 }),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const copy = structuredClone(whole);
      for (const { path, value } of changes) {
        let parent = copy;
        for (const step of path.slice(0, -1))
          parent = typeof parent === 'object' && parent !== null ? parent[step] : undefined;
        const last = path.at(-1)!;
        if (typeof parent !== 'object' || parent === null) continue;
        if (value === undefined) delete parent[last];
        else parent[last] = value;
      }
      const mistakes = await mistakesOf(JSON.stringify(copy));
      expect(JSON.stringify(mistakes)).not.toContain(SECRET);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ['10m', 600_000],
  ['1.5h', 5_400_000],
  ['2 d', 172_800_000],
  ['0s', 0],
  ['10', null],
  ['-1m', null],
  ['1y', null],
  ['1 constructor', null],
  ['999999999999999w', null],
])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  ['50MiB', 52_428_800],
  ['1.5 kB', 1500],
  ['0.1B', null],
  ['7', null],
])('size %s', (text, bytes) => expect(parseSize(text)).toBe(bytes));

test.each([
  ['00:00', 0],
  ['8:05', 485],
  ['24:00', 1440],
  ['24:01', null],
  ['08:60', null],
])('time of day %s', (text, minute) => expect(parseTimeOfDay(text)).toBe(minute));

test('a name close to a known one is proposed, a distant one is not', () => {
  expect(didYouMean('maxcuont', ['maxCount', 'minCount'])).toBe(' Did you mean "maxCount"?');
  expect(didYouMean('password', ['maxCount', 'minCount'])).toBe('');
  fc.assert(fc.property(fc.string(), (name) => didYouMean(name, ['kind']) === '' || name.length <= 5));
});
