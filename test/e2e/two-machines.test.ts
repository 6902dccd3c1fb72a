/**
 * Two Chartsyncs: one beside the EHR, which has its files, and one that is the document service. Whatever dies in between,
 * in the end the second one has exactly what the source has, each document once.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPracticeLife } from '../../simulators/vsrx/life.ts';
import { loadConfig } from '../../src/config/load.ts';
import { toSyncError } from '../../src/domain/errors.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { type Chartsync, openChartsync } from '../../src/main.ts';
import { type FileConnection, isFileConnection } from '../../src/runs/connections.ts';
import { type CliProcess, runCli, startCli } from '../support/cli.ts';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';
import { testDatabase } from '../support/postgres.ts';
import { CONNECTION, type PracticeSetup, setUpPractice, wantedState } from '../support/practice-setup.ts';

const KEY = 'document-service-key-0123456789';

let setup: PracticeSetup;
let folder: string;
let database: Awaited<ReturnType<typeof testDatabase>>;
let port: number;
let proxy: FaultyProxy;
let service: CliProcess;
let env: PracticeSetup['environment'];
let chartsync: Chartsync;
let connection: FileConnection;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 6,
    attachments: 40,
    sections: { deletionGuard: { maxCount: 100_000, maxPercent: 100 } },
  });
  folder = await mkdtemp(join(tmpdir(), 'chartsync-service-'));
  database = await testDatabase();
  port = await freePort();
  proxy = await startFaultyProxy(port);
  const config = {
    organizations: [{ id: 'org_documents', name: 'Documents', connections: [] }],
    stores: { search: { kind: 'none' } },
    limits: { documentsAtOnce: 0 },
  };
  await writeFile(join(folder, 'chartsync.yaml'), JSON.stringify(config));
  service = await startService();
  env = await setup.environmentWith({
    connection: {
      documents: { kind: 'remote', endpoint: `http://127.0.0.1:${proxy.port}`, apiKey: KEY, timeout: '20s' },
    },
    sections: {
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
      limits: { retryDelay: '20ms', filesPerBatch: 10, documentsAtOnce: 3 },
      stores: { search: { kind: 'none' } },
    },
  });
  const ownConfig = await loadConfig({ env, cwd: setup.folder });
  const records = { url: env.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  chartsync = await openChartsync(ownConfig, records);
  connection = chartsync.connections.filter(isFileConnection)[0]!;
});

afterAll(async () => {
  service?.child.kill('SIGKILL');
  await service?.result;
  await proxy?.stop();
  await chartsync?.close();
  await setup?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function startService(): Promise<CliProcess> {
  const started = startCli(['serve', '--json'], {
    cwd: folder,
    env: {
      CHARTSYNC_HOME: join(folder, 'home'),
      CHARTSYNC_CONFIG: join(folder, 'chartsync.yaml'),
      CHARTSYNC_ADMIN_KEY: KEY,
      DATABASE_URL: database.url,
      PORT: String(port),
      SYNC_LOG_LEVEL: 'error',
    },
  });
  await started.printed('ready');
  return started;
}

async function killService(): Promise<void> {
  service.child.kill('SIGKILL');
  await service.result;
}

const cli = (...args: string[]) => runCli([...args, '--json'], { cwd: setup.folder, env });

interface Listed {
  readonly documents: { vsrxReference: string | null; hash: string }[];
}

async function ask(path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
  return response.status === 404 ? null : await response.json();
}

/** Patient → reference → SHA-256 by the service's own list; a reference that it has twice is an error. */
async function remoteState(): Promise<Record<string, Record<string, string>>> {
  const state: Record<string, Record<string, string>> = {};
  for (const patient of setup.practice.patientUuids) {
    const listed = (await ask(`/api/patients/${patient}/documents?limit=1000`)) as Listed | null;
    const documents: Record<string, string> = {};
    for (const { vsrxReference, hash } of listed?.documents ?? []) {
      if (vsrxReference === null || vsrxReference in documents) throw new Error(`Twice, or nobody's: ${vsrxReference}`);
      documents[vsrxReference] = hash;
    }
    if (Object.keys(documents).length > 0) state[patient] = documents;
  }
  return state;
}

/** A run of this process; one that was killed before it is taken over from. */
async function run(mode: 'quick' | 'deep') {
  const { ports, settings } = connection;
  for (;;) {
    try {
      return await syncFiles(ports, settings, { mode, trigger: 'manual' });
    } catch (error) {
      if (toSyncError(error).code !== 'connection_busy') throw error;
      await turn();
    }
  }
}

/** Two complete reads prove that a row is gone. */
async function expectSame(): Promise<void> {
  for (let n = 0; n < 2; n++) {
    const { state, error, counts } = await run('deep');
    expect({ state, error, waiting: counts.waiting }).toEqual({ state: 'completed', error: null, waiting: 0 });
  }
  expect(await remoteState()).toEqual(await wantedState(setup));
}

test('what is sent, changes and goes is the same on both sides, and their counts agree', async () => {
  await expectSame();
  const sent = proxy.requests.filter(({ url }) => url.pathname === '/api/process').length;
  const wanted = Object.values(await wantedState(setup)).flatMap(Object.keys);
  expect(sent).toBe(wanted.length);
  expect(proxy.requests.some(({ url }) => url.pathname === '/health')).toBe(true);

  const life = createPracticeLife({ seed: 3, database: setup.source, filesFolder: setup.filesFolder, maxFiles: 60 });
  for (let step = 0; step < 40; step++) await life.step();
  await expectSame();
  const verified = await cli('verify', CONNECTION);
  expect(verified.lines.filter((line) => line.store === 'remote')).toEqual([]);
  const now = Object.values(await wantedState(setup)).flatMap(Object.keys).length;
  expect(verified.lines.find((line) => line.type === 'verified')).toMatchObject({ documents: now, remote: now });
  const [patient, documents] = Object.entries(await wantedState(setup))[0]!;
  expect(await ask(`/api/sync/status/${patient}`)).toMatchObject({
    counts: { documents: Object.keys(documents).length, blobs: Object.keys(documents).length },
  });
}, 120_000);

test('lost answers, and either side killed again and again: nothing is lost and nothing is there twice', async () => {
  const life = createPracticeLife({ seed: 4, database: setup.source, filesFolder: setup.filesFolder, maxFiles: 90 });
  for (let round = 0; round < 4; round++) {
    for (let step = 0; step < 25; step++) await life.step();
    let calls = 0;
    const reached = Promise.withResolvers<void>();
    proxy.plan = ({ url }) => {
      if (!/^\/api\/(process|documents)/.test(url.pathname)) return null;
      if (++calls === 3) reached.resolve();
      return calls % 3 === 0 ? { kind: 'lose-answer' } : null;
    };
    const killed = startCli(['sync', CONNECTION, '--json', '--mode', 'deep'], { cwd: setup.folder, env });
    await Promise.race([reached.promise, killed.result]);
    if (round % 2 === 0) {
      killed.child.kill('SIGKILL');
      await killed.result;
    } else {
      await killService();
      // What was not sent is told: no run that left something behind is a success.
      expect([1, 3]).toContain((await killed.result).code);
      service = await startService();
    }
    expect(calls).toBeGreaterThanOrEqual(3);
  }
  proxy.plan = () => null;
  await expectSame();
}, 180_000);

test('a service that is away, or refuses the key, stops the run before it begins, and nothing is lost', async () => {
  await killService();
  expect(await run('quick')).toMatchObject({ state: 'failed', error: { code: 'remote_unavailable' } });
  service = await startService();

  const life = createPracticeLife({ seed: 5, database: setup.source, filesFolder: setup.filesFolder, maxFiles: 100 });
  for (let step = 0; step < 15; step++) await life.step();
  proxy.plan = ({ url }) => (url.pathname === '/api/process' ? { kind: 'answer', status: 401 } : null);
  const refused = await run('deep');
  expect(refused).toMatchObject({ state: 'completed', outcome: 'partial' });
  expect(refused.counts.waiting).toBeGreaterThan(0);
  proxy.plan = () => null;
  await expectSame();
}, 120_000);

test('what the service lost is found by verify and sent again by repair', async () => {
  const [patient] = Object.entries(await wantedState(setup))[0]!;
  const { documents } = (await ask(`/api/patients/${patient}/documents`)) as {
    documents: { silknoteDocumentUuid: string; vsrxReference: string }[];
  };
  const lost = documents[0]!;
  await fetch(`http://127.0.0.1:${port}/api/documents/${lost.silknoteDocumentUuid}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${KEY}` },
  });
  const verified = await cli('verify', CONNECTION);
  expect(verified.code).toBe(3);
  expect(verified.lines.filter((line) => line.store === 'remote')).toMatchObject([
    { kind: 'missing', unit: patient, reference: lost.vsrxReference },
  ]);
  const repaired = await cli('repair', CONNECTION, '--apply');
  expect(repaired.lines.filter((line) => line.type === 'repaired')).toMatchObject([{ result: 'asked' }]);
  expect((await run('quick')).state).toBe('completed');
  expect(await remoteState()).toEqual(await wantedState(setup));
}, 60_000);
