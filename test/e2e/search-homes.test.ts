/** Two machines with one record database, each with a folder of its own for the search index. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { askService } from '../support/ask-service.ts';
import { runCli, startService } from '../support/cli.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let patient: string;
let folder: string;
/** Of the other machine. */
let env: PracticeSetup['environment'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chartsync-shared-'));
  setup = await setUpPractice({
    patients: 2,
    attachments: 6,
    sections: {
      // Contents are shared; the index is not.
      stores: { blobs: { kind: 'filesystem', folder: join(folder, 'blobs') }, search: { kind: 'lancedb' } },
      limits: { retryDelay: '10ms', documentsAtOnce: 3 },
      consistency: { at: 'never' },
    },
  });
  [patient] = setup.practice.patientUuids as [string];
  env = { ...setup.environment, CHARTSYNC_HOME: join(setup.folder, 'other-home') };
  server = await start(setup.environment);
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(environment: PracticeSetup['environment']): Promise<RunningServer> {
  return serve({
    config: await loadConfig({ env: environment, cwd: setup.folder }),
    database: { url: environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
}

const search = (at: Pick<RunningServer, 'url' | 'adminKey'>) =>
  askService(at.url, at.adminKey, 'POST', `/api/patients/${patient}/search`, { query: 'zaffre' });

async function bring(at: RunningServer, name: string): Promise<void> {
  const form = new FormData();
  form.append('clientFileId', name);
  form.append('file', new Blob([`The zaffre parrot ${name} was seen.`]), `${name}.txt`);
  expect((await askService(at.url, at.adminKey, 'POST', `/api/patients/${patient}/process`, form)).status).toBe(202);
}

const verify = (environment: PracticeSetup['environment']) =>
  runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env: environment });

async function settled(): Promise<void> {
  await until(async () => (await setup.chartsync.documentWork.open(ORGANIZATION)) === 0, 60_000);
}

test('a process with another folder says so, leaves documents to the others, and becomes their place when it is told to', async () => {
  expect((await askService(server.url, server.adminKey, 'POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
  await bring(server, 'one');
  await settled();
  expect((await search(server)).json.passages).toHaveLength(1);
  const here = await verify(setup.environment);
  expect(here.lines.filter(({ store }) => store === 'index')).toEqual([]);

  const other = await start(env);
  try {
    expect(await search(other)).toMatchObject({ status: 503, json: { details: { error_type: 'search_other_home' } } });
    const status = (await askService(other.url, other.adminKey, 'GET', `/api/sync/status/${patient}`)).json;
    expect(status).toMatchObject({
      consistent: null,
      counts: { vectorStoreFiles: null },
      indexError: { code: 'search_other_home' },
    });
    await bring(other, 'two');
    await settled();
    expect((await search(server)).json.passages).toHaveLength(2);
    const there = await verify(env);
    expect(there.code).toBe(1);
    expect(there.stderr).toContain('search_other_home');
    expect(there.stderr).toContain('rebuild-index --all');

    const rebuilt = await runCli(['rebuild-index', '--all'], { cwd: setup.folder, env });
    expect(rebuilt.code).toBe(0);
    expect((await search(other)).json.passages).toHaveLength(2);
    await until(async () => (await search(server)).status === 503, 20_000);
    expect((await verify(env)).lines.filter(({ store }) => store === 'index')).toEqual([]);
  } finally {
    await other.stop();
  }
});

test('the log of a process that starts with another folder has the code and what to do', async () => {
  const { process } = await startService({ cwd: setup.folder, env: setup.environment });
  process.child.kill('SIGTERM');
  const { stdout, stderr } = await process.result;
  expect(stdout + stderr).toContain('search_other_home');
  expect(stdout + stderr).toContain('stores.search');
});
