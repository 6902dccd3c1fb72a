/** The whole way as in production: MariaDB, a file share, Azure Blob (Azurite), PostgreSQL, and the command line. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPracticeLife } from '../../simulators/vsrx/life.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { runCli, startCli } from '../support/cli.ts';
import { startFaultyProxy } from '../support/faulty-proxy.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb.ts';
import {
  CONNECTION,
  expectConverged,
  type PracticeSetup,
  setUpPractice,
  storedState,
} from '../support/practice-setup.ts';

let mariadb: MariadbServer;
let azurite: Azurite;
let setup: PracticeSetup;

beforeAll(async () => {
  [mariadb, azurite] = await Promise.all([startMariadb(), startAzurite()]);
  setup = await setUpPractice({
    sourceUrl: await mariadb.createDatabase('vsrx'),
    patients: 20,
    attachments: 150,
    sections: {
      stores: { blobs: { kind: 'azure', connectionString: azurite.connectionString, container: 'documents' } },
      limits: { retryDelay: '50ms', filesPerBatch: 10 },
      // The life of twenty rounds removes more than the default limits allow at once.
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
    },
  });
});

afterAll(async () => {
  await setup?.close();
  await Promise.all([mariadb?.stop(), azurite?.stop()]);
});

const cli = (...args: string[]) => runCli(args, { cwd: setup.folder, env: setup.environment });

describe('kill -9', () => {
  test('at twenty random moments, then one more run: the same state as an undisturbed one', {
    timeout: 240_000,
  }, async () => {
    const life = createPracticeLife({
      seed: 11,
      database: setup.source,
      filesFolder: setup.filesFolder,
      maxFiles: 160,
    });
    let kills = 0;
    for (let round = 0; kills < 20 && round < 60; round++) {
      const run = startCli(['sync', CONNECTION, '--json', '--mode', round % 3 === 2 ? 'deep' : 'quick'], {
        cwd: setup.folder,
        env: setup.environment,
      });
      const started = run.printed('started').then(
        () => true,
        () => false,
      );
      if (await started) {
        // The first runs copy everything and are long; later ones have little to do.
        await wait(Math.random() * (round < 8 ? 600 : 150));
        run.child.kill('SIGKILL');
      }
      const ended = await run.result;
      if (ended.signal === 'SIGKILL') kills++;
      else expect([0, 3]).toContain(ended.code);
      for (let step = 0; step < 3; step++) await life.step();
    }
    expect(kills).toBe(20);
    // Deep sees changed content; two complete reads prove hard deletions.
    for (let run = 0; run < 2; run++) {
      const result = await cli('sync', CONNECTION, '--json', '--mode', 'deep');
      expect([0, 3]).toContain(result.code);
    }
    await expectConverged(setup);
  });
});

describe('bad moments', () => {
  test('Azurite stopped midway: a clear end, partial results kept, and the next run heals', {
    timeout: 120_000,
  }, async () => {
    const life = createPracticeLife({
      seed: 12,
      database: setup.source,
      filesFolder: setup.filesFolder,
      maxFiles: 400,
    });
    for (let step = 0; step < 30; step++) await life.step();
    const before = await storedState(setup.connection);
    const proxy = await startFaultyProxy(azurite.port);
    let uploads = 0;
    let stopped: Promise<void> | null = null;
    proxy.plan = ({ method }) => {
      if (method === 'PUT' && ++uploads === 5) stopped = proxy.stop();
      return stopped === null ? null : { kind: 'answer', status: 503 };
    };
    const blobs = {
      kind: 'azure',
      connectionString: azurite.connectionStringWith({ port: proxy.port }),
      container: 'documents',
    };
    const env = await setup.environmentWith({
      sections: { stores: { blobs }, limits: { retryDelay: '50ms', filesPerBatch: 1 } },
    });
    const result = await runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env });
    await stopped;
    expect(uploads).toBeGreaterThanOrEqual(5);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('"code":"blob_unavailable"');
    const after = await storedState(setup.connection);
    // Nothing is gone: each document is there under its reference, or, when the source replaced its row, under the new one.
    for (const [unit, documents] of Object.entries(before)) {
      const now = after[unit] ?? {};
      for (const [reference, sha256] of Object.entries(documents)) {
        expect(reference in now || Object.values(now).includes(sha256), `${unit} ${reference}`).toBe(true);
      }
    }
    // What was stored before the stop is kept.
    expect(Object.values(after).flatMap(Object.values).length).toBeGreaterThan(
      Object.values(before).flatMap(Object.values).length,
    );
    for (let run = 0; run < 2; run++) expect([0, 3]).toContain((await cli('sync', CONNECTION, '--mode', 'deep')).code);
    await expectConverged(setup);
  });

  test('the source database down, a wrong password: named, exit 1, nothing deleted', { timeout: 120_000 }, async () => {
    const before = await storedState(setup.connection);
    const wrong = await setup.environmentWith({
      settings: { database: mariadb.url('vsrx', 'admin', 'wrong-password') },
    });
    const refused = await runCli(['sync', CONNECTION, '--json'], { cwd: setup.folder, env: wrong });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('"code":"source_credentials"');
    expect(refused.stderr).not.toContain('wrong-password');
    await mariadb.kill();
    const down = await cli('sync', CONNECTION, '--json');
    expect(down.code).toBe(1);
    expect(down.stderr).toContain('"code":"source_unreachable"');
    expect(await storedState(setup.connection)).toEqual(before);
  });
});
