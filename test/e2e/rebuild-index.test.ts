/** The whole index is filled anew by another process, while the service searches, runs and reads new documents. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { runCli, startCli } from '../support/cli.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let server: RunningServer;
let records: pg.Client;
let patient: string;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 4,
    attachments: 30,
    sections: {
      stores: { search: { kind: 'lancedb' } },
      limits: { retryDelay: '10ms', documentsAtOnce: 3 },
      consistency: { at: 'never' },
    },
  });
  [patient] = setup.practice.patientUuids as [string];
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
  server = await serve({
    config: await loadConfig({ env: setup.environment, cwd: setup.folder }),
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
});
afterAll(async () => {
  await server?.stop();
  await records?.end();
  await setup?.close();
});

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  return { status: response.status, json: (await response.json()) as any };
}

async function addFile(name: string): Promise<void> {
  await writeFile(join(setup.filesFolder, `notes/${name}.txt`), `The zaffre parrot ${name} was seen again.\n`);
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', 'notes/${name}.txt', 'Followed', '${crypto.randomUUID()}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [patient],
  );
}

async function synchronise(): Promise<void> {
  const { status, json } = await ask('POST', '/api/sync/vsrx?wait=true');
  expect(status).toBe(200);
  expect(json.summary.totalErrors).toBe(before.errors);
}

const before = { errors: 0 };

async function settled(): Promise<void> {
  await until(async () => (await server.chartsync.documentWork.open(ORGANIZATION)) === 0, 120_000);
}

async function found(): Promise<string[]> {
  const { status, json } = await ask('POST', `/api/patients/${patient}/search`, { query: 'zaffre', limit: 100 });
  expect(status).toBe(200);
  return json.passages.map((passage: { documentUuid: string }) => passage.documentUuid);
}

const cli = (...args: string[]) => startCli([...args, '--json'], { cwd: setup.folder, env: setup.environment });

test('searches never find less, runs bring what is new, and in the end the index has exactly the documents', async () => {
  for (const name of ['one', 'two', 'three']) await addFile(name);
  // The sample has odd files, which every run tells again.
  before.errors = (await ask('POST', '/api/sync/vsrx?wait=true')).json.summary.totalErrors;
  await settled();
  const known = new Set(await found());
  expect(known.size).toBe(3);

  for (let round = 0; round < 2; round++) {
    const rebuilding = cli('rebuild-index', '--all');
    let done = false;
    const ended = rebuilding.result.finally(() => {
      done = true;
    });
    const searching = (async () => {
      let searches = 0;
      for (; !done; searches++) {
        const now = new Set(await found());
        for (const documentUuid of known) expect(now).toContain(documentUuid);
        for (const documentUuid of now) known.add(documentUuid);
      }
      return searches;
    })();
    const running = (async () => {
      let runs = 0;
      for (; !done; runs++) {
        await addFile(`round${round}-${runs}`);
        await synchronise();
      }
      return runs;
    })();
    const { code, lines } = await ended;
    expect(code).toBe(0);
    expect(lines.find(({ type }) => type === 'rebuilt')).toMatchObject({ organizationId: ORGANIZATION });
    expect(await searching).toBeGreaterThan(0);
    expect(await running).toBeGreaterThan(0);
    await settled();
    const now = new Set(await found());
    for (const documentUuid of known) expect(now).toContain(documentUuid);
    await expectEqualStores(setup, records);
  }
  const files = await records.query(
    `SELECT count(*)::int AS n FROM silknote_documents WHERE "sourcePath" LIKE 'notes/round%' AND "deletedAt" IS NULL`,
  );
  expect(new Set(await found()).size).toBe(3 + files.rows[0].n);
}, 300_000);

test('a rebuild that is killed leaves the index as it was, and the next one begins anew', async () => {
  const documents = (await found()).sort();
  const { rows: connected } = await records.query(
    'SELECT pid FROM pg_stat_activity WHERE datname = current_database()',
  );
  // It has begun, and waits for the list of the documents.
  await records.query('BEGIN');
  await records.query('LOCK TABLE document_renditions IN ACCESS EXCLUSIVE MODE');
  const killed = cli('rebuild-index');
  await until(async () => {
    if (killed.child.exitCode !== null) throw new Error('It ended before it could be killed.');
    const { rows } = await records.query(
      `SELECT 1 FROM pg_locks
       WHERE relation = 'document_renditions'::regclass AND NOT granted AND NOT pid = ANY ($1::int[])`,
      [connected.map(({ pid }) => pid)],
    );
    return rows.length > 0;
  });
  killed.child.kill('SIGKILL');
  await killed.result;
  await records.query('ROLLBACK');
  expect((await found()).sort()).toEqual(documents);
  await addFile('after');
  await synchronise();
  await settled();
  expect(await found()).toHaveLength(documents.length + 1);
  await expectEqualStores(setup, records);
  const again = await runCli(['rebuild-index', '--json'], { cwd: setup.folder, env: setup.environment });
  expect(again.code).toBe(0);
  expect(await found()).toHaveLength(documents.length + 1);
  await expectEqualStores(setup, records);
  const wrong = ['rebuild-index', '--all', '--organization', ORGANIZATION];
  expect((await runCli(wrong, { cwd: setup.folder, env: setup.environment })).code).toBe(2);
}, 120_000);
