/**
 * One document from the share to a search hit and back to nothing. In each phase the service, the blob store (Azurite) or the
 * index is killed or taken away; afterwards all stores say the same.
 */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyFiles } from '../../src/engine/files/verify-files.ts';
import { compareIndex } from '../../src/runs/compare-index.ts';
import { type Azurite, startAzurite } from '../support/azurite.ts';
import { type CliProcess, runCli, startCli } from '../support/cli.ts';
import { type FaultyProxy, type ProxiedRequest, startFaultyProxy } from '../support/faulty-proxy.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const REFERENCE = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a11';
const LONG = 120_000;

let azuriteFolder: string;
let azurite: Azurite;
let proxy: FaultyProxy;
let setup: PracticeSetup;
let records: pg.Client;
let service: CliProcess | null = null;
let url = '';

beforeAll(async () => {
  azuriteFolder = await mkdtemp(join(tmpdir(), 'chartsync-azurite-'));
  azurite = await startAzurite({ folder: azuriteFolder });
  proxy = await startFaultyProxy(azurite.port);
  setup = await setUpPractice({
    patients: 2,
    attachments: 6,
    sections: {
      stores: {
        blobs: {
          kind: 'azure',
          connectionString: azurite.connectionStringWith({ port: proxy.port }),
          container: 'documents',
        },
        search: { kind: 'lancedb' },
      },
      limits: { retryDelay: '50ms' },
      retention: { releasedBlobs: '0s' },
      consistency: { at: 'never' },
    },
  });
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
}, LONG);

afterAll(async () => {
  await kill();
  await records?.end();
  await setup?.close();
  await proxy?.stop();
  await azurite?.stop();
  await rm(azuriteFolder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  service = startCli(['serve', '--json'], { cwd: setup.folder, env: setup.environment });
  ({ url } = await service.printed('ready'));
}

async function kill(): Promise<void> {
  service?.child.kill('SIGKILL');
  await service?.result;
  service = null;
}

/** Kills the service at the moment at which it asks the blob store for this. */
function killAt(isIt: (request: ProxiedRequest) => boolean): Promise<void> {
  const killed = Promise.withResolvers<void>();
  proxy.plan = (request) => {
    if (service === null || !isIt(request)) return null;
    proxy.plan = () => null;
    service.child.kill('SIGKILL');
    void service.result.then(() => {
      service = null;
      killed.resolve();
    });
    return { kind: 'lose-answer' };
  };
  return killed.promise;
}

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${setup.environment.CHARTSYNC_ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as { passages: unknown[] } };
}

/** The service may be killed while it answers. */
function askForRun(mode = 'quick'): Promise<unknown> {
  return ask('POST', `/api/sync/vsrx?mode=${mode}`).catch(() => null);
}

const patient = () => setup.practice.patientUuids[0]!;

async function found(text: string): Promise<number> {
  const { json } = await ask('POST', `/api/patients/${patient()}/search`, { query: text });
  return json.passages.length;
}

async function row(): Promise<{ status: string; sha256: string; goneAt: Date | null; deletedAt: Date | null } | null> {
  const { rows } = await records.query(
    'SELECT status, sha256, "goneAt", "deletedAt" FROM silknote_documents WHERE "vsrxReference" = $1',
    [REFERENCE],
  );
  return rows[0] ?? null;
}

async function count(text: string, values: unknown[] = []): Promise<number> {
  return (await records.query(text, values)).rows[0].n;
}

async function settled(): Promise<void> {
  await until(
    async () =>
      (await count('SELECT count(*)::int AS n FROM sync_runs WHERE finished_at IS NULL')) === 0 &&
      (await count('SELECT count(*)::int AS n FROM document_outbox')) === 0,
    LONG,
  );
}

/** Source, rows, blobs and index say the same, by the checks and by every count. */
async function expectEqual(): Promise<void> {
  const signal = new AbortController().signal;
  const differences: unknown[] = [];
  const { ports, settings } = setup.connection;
  const result = await verifyFiles(ports, settings, { content: true, signal }, (difference) => {
    // What the sample's odd files are known for.
    if (difference.code === null || difference.store === 'blob') differences.push(difference);
  });
  expect(differences).toEqual([]);
  const search = await setup.chartsync.search();
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal };
  const index = await compareIndex({ desk: setup.chartsync.desk, search }, scope);
  expect(index.differences).toEqual([]);
  const live = 'FROM silknote_documents WHERE "deletedAt" IS NULL';
  expect(await count(`SELECT count(*)::int AS n ${live}`)).toBe(result.documents);
  expect(await count(`SELECT count(*)::int AS n ${live} AND status = 'complete'`)).toBe(index.entries);
  expect(await count('SELECT count(*)::int AS n FROM blobs')).toBe(result.blobs);
  const wrong = await records.query(`
    SELECT b.sha256 FROM blobs AS b WHERE b."references" <> (
      SELECT count(*) FROM silknote_documents AS d
      WHERE d."organizationId" = b.organization_id AND d.sha256 = b.sha256 AND d."deletedAt" IS NULL) + (
      SELECT count(*) FROM document_renditions AS r, LATERAL (VALUES (pdf_sha256), (pages_sha256), (thumbnail_sha256)) AS p (sha)
      WHERE r.organization_id = b.organization_id AND p.sha = b.sha256)`);
  expect(wrong.rows).toEqual([]);
}

/** Azurite says "created" before it is on the disk, and writes its list every few seconds: what it loses is not ours to keep. */
async function written(): Promise<void> {
  const { rows } = await records.query(`SELECT sha256 FROM blobs WHERE state = 'stored'`);
  await until(async () => {
    const list = await readFile(join(azuriteFolder, '__azurite_db_blob__.json'), 'utf8').catch(() => '');
    return rows.every(({ sha256 }) => list.includes(sha256));
  });
}

const isBlob = ({ url: { pathname } }: ProxiedRequest) => /\/[0-9a-f]{64}$/.test(pathname);

test('a document comes, changes and goes while everything around it dies', { timeout: 600_000 }, async () => {
  await start();
  await askForRun();
  await settled();
  await expectEqual();

  // Comes: killed in the middle of writing its content, then while its text is on its way into the index.
  const share = join(setup.filesFolder, 'notes/followed.txt');
  await writeFile(share, 'The zaffre parrot has a fractured wing.\n');
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, '2026-01-05 10:00:00', 'notes/followed.txt', 'Followed', '${REFERENCE}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [patient()],
  );
  const atBlob = killAt((request) => request.method === 'PUT' && isBlob(request));
  await Promise.all([askForRun(), atBlob]);
  expect(await row()).toBeNull();
  let parts = 0;
  const atIndex = killAt((request) => {
    if (request.method === 'PUT' && isBlob(request)) parts++;
    // Its own content, and what was made of it, are stored: the next read is of its text.
    return parts > 1 && request.method === 'GET' && isBlob(request);
  });
  await start();
  await atIndex;
  expect((await row())!.status).toBe('processing');
  await start();
  await settled();
  expect((await row())!.status).toBe('complete');
  expect(await found('zaffre')).toBe(1);
  await expectEqual();

  // Changes: the blob store is killed, and comes back with what it had.
  await writeFile(share, 'The vermilion parrot has healed well, as the second look has shown.\n');
  const reached = Promise.withResolvers<void>();
  proxy.plan = (request) => {
    if (request.method !== 'PUT' || !isBlob(request)) return null;
    reached.resolve();
    return { kind: 'answer', status: 503 };
  };
  await askForRun('deep');
  await reached.promise;
  await written();
  await azurite.stop();
  await until(
    async () => (await count('SELECT count(*)::int AS n FROM sync_runs WHERE finished_at IS NULL')) === 0,
    LONG,
  );
  expect(await found('zaffre')).toBe(1);
  azurite = await startAzurite({ folder: azuriteFolder, port: azurite.port });
  proxy.plan = () => null;
  await askForRun('deep');
  await settled();
  expect(await found('zaffre')).toBe(0);
  expect(await found('vermilion')).toBe(1);
  await expectEqual();

  // Goes: the index is away, the service is killed meanwhile. Nobody finds the document from the first moment on.
  const { sha256 } = (await row())!;
  const index = join(setup.environment.CHARTSYNC_HOME, 'search');
  await kill();
  await start();
  await rename(index, `${index}-away`);
  await writeFile(index, 'No folder.');
  await setup.source.execute(`UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${REFERENCE}'`);
  await askForRun();
  await until(async () => (await row())!.deletedAt !== null, LONG);
  await until(async () => (await count('SELECT max(delays)::int AS n FROM document_outbox')) > 0, LONG);
  expect((await row())!.goneAt).toBeNull();
  const listed = await ask('GET', `/api/patients/${patient()}/documents`);
  expect(JSON.stringify(listed.json)).not.toContain(REFERENCE);
  await kill();
  await rm(index);
  await rename(`${index}-away`, index);
  await start();
  await settled();
  expect((await row())!.goneAt).not.toBeNull();
  expect(await found('vermilion')).toBe(0);
  await expectEqual();

  // Is nothing: killed at the removal of its content, which is removed after all.
  await kill();
  await records.query(`UPDATE blobs SET touched_at = now() - interval '1 hour' WHERE sha256 = $1`, [sha256]);
  const atDelete = Promise.withResolvers<void>();
  proxy.plan = (request) => {
    if (request.method !== 'DELETE') return null;
    atDelete.resolve();
    return { kind: 'lose-answer' };
  };
  const cleanup = startCli(['cleanup', '--json'], { cwd: setup.folder, env: setup.environment });
  await atDelete.promise;
  cleanup.child.kill('SIGKILL');
  await cleanup.result;
  proxy.plan = () => null;
  expect((await runCli(['cleanup', '--json'], { cwd: setup.folder, env: setup.environment })).code).toBe(0);
  expect(await count('SELECT count(*)::int AS n FROM blobs WHERE sha256 = $1', [sha256])).toBe(0);
  expect(await setup.chartsync.blobs.stat(`${ORGANIZATION}/${sha256}`)).toBeNull();
  await expectEqual();
  const verified = await runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env: setup.environment });
  expect(verified.lines.filter((line) => line.type === 'difference' && line.code === null)).toEqual([]);
});
