/** The comparison of all stores: what it finds, how it goes on where it stopped, and where people and programs see it. */
import { createHash } from 'node:crypto';
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDocumentService } from '../../src/document-service.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { consistencyPorts } from '../../src/main.ts';
import type { BlobStore } from '../../src/ports/blob-store.ts';
import { checkConsistency } from '../../src/runs/check-consistency.ts';
import { maintainSearch, startNightly } from '../../src/runs/nightly.ts';
import { serve } from '../../src/server.ts';
import { systemClock } from '../../src/stores/system-clock.ts';
import { runCli } from '../support/cli.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const GHOST = '00000000-0000-4000-8000-00000000000a';
const UNKNOWN_PATIENT = '00000000-0000-4000-8000-00000000000b';

let setup: PracticeSetup;

beforeAll(async () => {
  setup = await setUpPractice({
    patients: 4,
    attachments: 14,
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  await run();
  const service = await startDocumentService({
    config: { ...setup.config, programPath: '' },
    work: setup.chartsync.documentWork,
    blobs: setup.chartsync.blobs,
    deliveries: setup.chartsync.deliveries,
    remotes: setup.chartsync.remotes,
    search: await setup.chartsync.search(),
  });
  await until(async () => (await setup.chartsync.documentWork.open(ORGANIZATION)) === 0, 120_000);
  await service.stop();
});
afterAll(() => setup?.close());

const signal = new AbortController().signal;

async function run(): Promise<void> {
  const { ports, settings } = setup.connection;
  expect((await syncFiles(ports, settings, { mode: 'quick', trigger: 'manual' })).state).toBe('completed');
}

async function check(more: { now?: () => number; until?: number; samplePercent?: number } = {}) {
  const { until: end = Number.POSITIVE_INFINITY, samplePercent = 0, now = Date.now } = more;
  const ports = consistencyPorts(setup.chartsync, await setup.chartsync.search());
  return checkConsistency(
    { ...ports, clock: { ...systemClock, now } },
    { organizationId: ORGANIZATION, connections: [setup.connection], until: end, samplePercent, signal },
  );
}

/** Without connections. @param list what the blob store shows */
async function checkBlobs(list: BlobStore['list']) {
  const ports = consistencyPorts(setup.chartsync, await setup.chartsync.search());
  const blobs = { ...setup.chartsync.blobs, list };
  return checkConsistency(
    { ...ports, clock: systemClock, blobs },
    { organizationId: ORGANIZATION, connections: [], until: Number.POSITIVE_INFINITY, samplePercent: 0, signal },
  );
}

async function report() {
  const [newest] = await setup.chartsync.consistency.reports(ORGANIZATION, 1);
  const page = { after: '0', limit: 1000 };
  const differences = await setup.chartsync.consistency.differences(ORGANIZATION, newest!.id, page);
  return { ...newest!, differences };
}

/** Without the odd files of the sample, which have no document for a reason that is known. */
function unexplained(differences: readonly { store: string; kind: string; code: string | null }[]): string[] {
  return differences
    .filter(({ store, kind, code }) => !(store === 'row' && kind === 'missing' && code !== null))
    .map(({ store, kind }) => `${kind} ${store}`)
    .sort();
}

async function liveDocuments() {
  const documents = [];
  for await (const stored of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    documents.push(stored);
  }
  return documents;
}

test('stops when its time is over and goes on where it was; every patient is looked at once', async () => {
  const patients = await setup.chartsync.consistency.patients(ORGANIZATION, '', 100);
  expect(patients.length).toBeGreaterThan(1);
  let looks = 0;
  expect(await check({ now: () => ++looks, until: 2 })).toBe('open');
  expect(await report()).toMatchObject({ patients: 1, finishedAt: null });
  expect(await check({ samplePercent: 100 })).toBe('done');
  const ended = await report();
  expect(ended).toMatchObject({ patients: patients.length, documents: (await liveDocuments()).length, unknown: 0 });
  expect(ended.sampled).toBeGreaterThan(0);
  expect(unexplained(ended.differences)).toEqual([]);
});

test('names what is missing and surplus among rows, blobs and entries, and a content that is damaged', async () => {
  const search = await setup.chartsync.search();
  const entries = await Array.fromAsync(search.list(ORGANIZATION, null));
  const documents = await liveDocuments();
  const shared = Map.groupBy(documents, ({ sha256 }) => sha256);
  const alone = documents.filter(({ sha256 }) => shared.get(sha256)!.length === 1);
  const [lost, damaged, unlisted] = alone;
  await rm(await fileOf(lost!.sha256));
  await truncate(await fileOf(damaged!.sha256), 1);
  const bytes = Buffer.from('A content that no record knows.');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await setup.chartsync.blobs.put(`${ORGANIZATION}/${sha256}`, { size: bytes.length, sha256, open: () => bytes });

  const entry = entries[0]!;
  await search.remove({ organizationId: ORGANIZATION, patientUuid: entry.patientUuid }, [entry.documentUuid]);
  const ghost = { organizationId: ORGANIZATION, version: 'b'.repeat(64), pages: [{ number: 1, text: 'Nobody.' }] };
  await search.put({ ...ghost, patientUuid: entry.patientUuid, documentUuid: GHOST });
  await search.put({ ...ghost, patientUuid: UNKNOWN_PATIENT, documentUuid: GHOST });

  await setup.source.execute(`DELETE FROM ax_notes_attachments WHERE file_uuid = '${unlisted!.reference}'`);
  await writeFile(join(setup.filesFolder, 'notes/new.txt'), 'A new letter.\n');
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, datestamp, file, file_uuid)
     SELECT min(assessment_id), '2026-01-05 10:00:00', 'notes/new.txt', '${GHOST}' FROM assessments`,
  );

  expect(await check({ samplePercent: 100 })).toBe('done');
  expect(unexplained((await report()).differences)).toEqual(
    [
      'missing blob',
      'different blob',
      'surplus blob',
      'missing index',
      'surplus index',
      'surplus index',
      'missing row',
      'surplus row',
    ].sort(),
  );
});

test('is read by programs: over HTTP, from the command line, in status and in metrics', async () => {
  const printed = await runCli(['consistency', '--json'], { cwd: setup.folder, env: setup.environment });
  expect(printed.code).toBe(3);
  const kinds = printed.lines.filter((line) => line.type === 'difference');
  expect(kinds.length).toBe((await report()).differences.length);

  // The index also where no connection is.
  const repair = (...args: string[]) =>
    runCli(['repair', ...args, '--plan', '--json'], { cwd: setup.folder, env: setup.environment });
  const planned = await repair('--organization', ORGANIZATION);
  expect(planned.code).toBe(3);
  expect(planned.lines.filter(({ store }) => store === 'index').map(({ kind }) => kind)).toContain('missing');
  expect((await repair(CONNECTION, '--organization', ORGANIZATION)).code).toBe(2);

  const config = { ...setup.config, consistency: { ...setup.config.consistency, at: null } };
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  const server = await serve({ config: { ...config, limits: { ...config.limits, documentsAtOnce: 0 } }, database });
  try {
    const ask = async (path: string) => {
      const response = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${server.adminKey}` } });
      return { status: response.status, text: await response.text() };
    };
    const { reports } = JSON.parse((await ask('/api/v1/consistency')).text);
    expect(reports).toHaveLength(2);
    expect(reports[0].consistent).toBe(false);
    expect(reports[0].differences).toContainEqual({ store: 'blob', kind: 'surplus', count: 1 });
    const seen = [];
    for (let after = '0'; ; ) {
      const path = `/api/v1/consistency/${reports[0].id}/differences?limit=2&after=${after}`;
      const page = JSON.parse((await ask(path)).text);
      seen.push(...page.differences);
      if (page.next === null) break;
      after = page.next;
    }
    expect(seen).toHaveLength(kinds.length);
    expect((await ask('/api/v1/consistency/999/differences')).status).toBe(404);
    await until(async () => (await setup.chartsync.upkeep.states()).some(({ finishedAt }) => finishedAt !== null));
    const metrics = (await ask('/metrics')).text;
    expect(metrics).toContain(`consistency_differences{organization="${ORGANIZATION}",store="blob",kind="surplus"} 1`);
    expect(metrics).toMatch(/^document_outbox_waiting\{organization="org_test"\} \d+$/m);
    expect(metrics).toMatch(/^search_maintained_timestamp_seconds \d/m);
  } finally {
    await server.stop();
  }
});

test('comes by itself in its window, once, and the index is tidied up by one process only', async () => {
  const before = (await report()).id;
  // The one before may have ended within this very minute, and would count as that of this window.
  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  await admin.query("UPDATE consistency_checks SET finished_at = finished_at - interval '1 day'");
  await admin.end();
  const ports = consistencyPorts(setup.chartsync, await setup.chartsync.search());
  const minutes = new Date().getUTCHours() * 60 + new Date().getUTCMinutes();
  const nightly = () =>
    startNightly({
      ports,
      upkeep: setup.chartsync.upkeep,
      settings: { at: minutes, timeBoxMs: 3600_000, samplePercent: 0 },
      organizations: [{ id: ORGANIZATION, timeZone: 'UTC' }],
      connections: setup.chartsync.connections,
      clock: systemClock,
      onError: (_, error) => {
        throw error;
      },
    });
  const first = nightly();
  try {
    await until(async () => {
      const { id, finishedAt } = await report();
      return id !== before && finishedAt !== null;
    });
  } finally {
    await first.stop();
  }
  const { id } = await report();
  const second = nightly();
  await second.stop();
  expect((await report()).id).toBe(id);
  const search = await setup.chartsync.search();
  expect(await maintainSearch(setup.chartsync.upkeep, search, signal)).toBe(false);
  expect(await maintainSearch(setup.chartsync.upkeep, search, signal, 0)).toBe(true);
});

test('what was made of a document is looked at too, without any connection; what comes meanwhile is not surplus', async () => {
  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  const { rows } = await admin.query(
    'SELECT DISTINCT pages_sha256 AS pages FROM document_renditions WHERE pages_sha256 IS NOT NULL ORDER BY 1 LIMIT 2',
  );
  await admin.end();
  const [{ pages }, { pages: damaged }] = rows;
  await rm(await fileOf(pages));
  await truncate(await fileOf(damaged), 1);

  const bytes = Buffer.from('A content that is brought while the stores are compared.');
  const meanwhile = createHash('sha256').update(bytes).digest('hex');
  const { blobs, desk } = setup.chartsync;
  const end = await checkBlobs(async function* (...listed) {
    const content = { sha256: meanwhile, size: bytes.length };
    await desk.announce(ORGANIZATION, content);
    await blobs.put(`${ORGANIZATION}/${meanwhile}`, { ...content, open: () => bytes });
    yield* blobs.list(...listed);
  });
  expect(end).toBe('done');
  const found = (await report()).differences.filter(({ store }) => store === 'blob');
  expect(found).toContainEqual(expect.objectContaining({ kind: 'missing', sha256: pages, code: 'blob_missing' }));
  expect(found).toContainEqual(expect.objectContaining({ kind: 'different', sha256: damaged, code: 'blob_corrupt' }));
  expect(found.map(({ sha256 }) => sha256)).not.toContain(meanwhile);
  const verified = await runCli(['verify', CONNECTION, '--json'], { cwd: setup.folder, env: setup.environment });
  const missing = verified.lines.filter(({ store, kind }) => store === 'blob' && kind === 'missing');
  expect(missing.filter(({ sha256 }) => sha256 === pages)).toHaveLength(1);
  const different = verified.lines.filter(({ store, kind }) => store === 'blob' && kind === 'different');
  expect(different.filter(({ sha256 }) => sha256 === damaged)).toHaveLength(1);
});

test('a place with more differences than are listed says how many more there are', async () => {
  const unknown = (n: number) => `${ORGANIZATION}/${'f'.repeat(56)}${n.toString(16).padStart(8, '0')}`;
  const end = await checkBlobs(async function* (...listed) {
    yield* setup.chartsync.blobs.list(...listed);
    yield Array.from({ length: 5200 }, (_, n) => ({ name: unknown(n), size: 1 }));
  });
  expect(end).toBe('done');
  const { totals, unlisted } = await report();
  expect(unlisted).toBeGreaterThanOrEqual(200);
  const listed = totals.reduce((sum, { count }) => sum + count, 0);
  expect(listed).toBeGreaterThanOrEqual(5000);
  const said = await runCli(['consistency'], { cwd: setup.folder, env: setup.environment });
  expect(said.stdout).toContain(`${unlisted} more differences are not listed.`);
});

/** Where the folder store keeps a content, whichever way it divides its folders. */
async function fileOf(sha256: string): Promise<string> {
  const root = join(setup.config.home, 'blobs');
  const found = (await readdir(root, { recursive: true })).find((file) => file.endsWith(sha256));
  if (found === undefined) throw new Error('No such blob.');
  return join(root, found);
}

test('a blob that no record knows is released by a repair, and removed by the clean-up after its time', async () => {
  const { blobs } = setup.chartsync;
  const bytes = Buffer.from('Nobody has written down that this is here.');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const name = `${ORGANIZATION}/${sha256}`;
  await blobs.put(name, { sha256, size: bytes.length, open: () => bytes });
  const cli = (...args: string[]) => runCli([...args, '--json'], { cwd: setup.folder, env: setup.environment });
  const strays = async () =>
    (await cli('repair', CONNECTION, '--plan')).lines
      .filter((line) => line.store === 'blob' && line.kind === 'surplus')
      .map((line) => line.sha256);
  expect(await strays()).toContain(sha256);
  await cli('repair', CONNECTION, '--apply');
  // Not without being asked to.
  expect(await strays()).toContain(sha256);
  expect(await cli('repair', CONNECTION, '--plan', '--release-blobs')).toMatchObject({ code: 2 });
  const applied = await cli('repair', CONNECTION, '--apply', '--release-blobs');
  expect(applied.code).toBe(0);
  expect(applied.lines).toContainEqual(expect.objectContaining({ type: 'repaired', sha256, result: 'released' }));
  expect(await strays()).toEqual([]);
  expect((await cli('cleanup')).code).toBe(0);
  expect(await blobs.stat(name)).not.toBeNull();

  const admin = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await admin.connect();
  await admin.query("UPDATE blobs SET touched_at = now() - interval '1 year' WHERE sha256 = $1", [sha256]);
  await admin.end();
  expect((await cli('cleanup')).code).toBe(0);
  expect(await blobs.stat(name)).toBeNull();
});
