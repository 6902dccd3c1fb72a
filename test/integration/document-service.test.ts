/** A document followed from the share to a search hit and back to nothing; all stores are counted after every step. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DocumentService, startDocumentService } from '../../src/document-service.ts';
import { SyncError } from '../../src/domain/errors.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { compareIndex } from '../../src/runs/compare-index.ts';
import { rebuildIndex } from '../../src/runs/rebuild-index.ts';
import { repairIndex } from '../../src/runs/repair-index.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createUnreadDocuments } from '../../src/stores/postgres/unread-documents.ts';
import { pictureOf } from '../support/document-samples.ts';
import { expectEqualStores } from '../support/equal-stores.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

let setup: PracticeSetup;
let records: pg.Client;
let service: DocumentService | null = null;

beforeEach(async () => {
  setup = await setUpPractice({
    patients: 3,
    attachments: 12,
    sections: { stores: { search: { kind: 'lancedb' } }, limits: { retryDelay: '10ms' } },
  });
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
});
afterEach(async () => {
  await service?.stop();
  service = null;
  await records.end();
  await setup.close();
});

const REFERENCE = '5a3bb0f1-7a63-4c0e-9d3e-0f1f5f3c9a11';

async function sync(mode: 'quick' | 'deep' = 'quick') {
  const { ports, settings } = setup.connection;
  return syncFiles(ports, settings, { mode, trigger: 'manual' });
}

let ended = Promise.withResolvers<void>();
let missing = Promise.withResolvers<readonly string[]>();

interface Differently {
  readonly ocrLanguages?: readonly string[];
  readonly blobs?: typeof setup.chartsync.blobs;
}

async function start(programPath: string, differently: Differently = {}): Promise<DocumentService> {
  const { ocrLanguages = ['eng'], blobs = setup.chartsync.blobs } = differently;
  const { config, chartsync } = setup;
  return startDocumentService({
    config: { ...config, programPath, ocrLanguages },
    work: chartsync.documentWork,
    blobs,
    deliveries: chartsync.deliveries,
    remotes: chartsync.remotes,
    search: await chartsync.search(),
    onEnd: () => ended.resolve(),
    onMissingLanguages: (languages) => missing.resolve(languages),
  });
}

/** Until nothing is left to be done. */
async function work(): Promise<void> {
  service ??= await start('');
  for (;;) {
    ended = Promise.withResolvers();
    service.nudge();
    if ((await setup.chartsync.documentWork.open(ORGANIZATION)) === 0) return;
    await ended.promise;
  }
}

async function writeShare(text: string): Promise<void> {
  await writeFile(join(setup.filesFolder, 'notes/followed.txt'), text);
}

/** The first patient gets one more file. */
async function addFile(text: string): Promise<void> {
  await writeShare(text);
  await setup.source.execute(
    `INSERT INTO ax_notes_attachments (assessment_id, user_id, datestamp, file, description, file_uuid)
     SELECT a.assessment_id, NULL, '2026-01-05 10:00:00', 'notes/followed.txt', 'Followed', '${REFERENCE}'
     FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
     WHERE c."silknotePatientUuid" = ? ORDER BY a.assessment_id LIMIT 1`,
    [patient()],
  );
}

function patient(): string {
  return setup.practice.patientUuids[0]!;
}

async function found(text: string, patientUuid = patient()) {
  const index = await setup.chartsync.search();
  return (await index.search({ organizationId: ORGANIZATION, patientUuid, text, limit: 10 })).passages;
}

async function row<T>(text: string, values: unknown[] = []): Promise<T> {
  const { rows } = await records.query(text, values);
  return rows[0] as T;
}

const STATUS = 'SELECT status, stage, "errorCode", "goneAt" FROM silknote_documents WHERE "vsrxReference" = $1';

const expectEqualCounts = () => expectEqualStores(setup, records);

test('a document is found, changes, goes and leaves nothing, and all counts agree after each step', async () => {
  await sync();
  await work();
  await expectEqualCounts();
  const others = await row<{ n: number }>('SELECT count(*)::int AS n FROM silknote_documents');
  expect(others.n).toBeGreaterThan(5);
  const states = await records.query('SELECT DISTINCT status FROM silknote_documents');
  for (const { status } of states.rows) expect(['complete', 'error']).toContain(status);

  await addFile('The zaffre parrot has a fractured wing.\nNothing else was seen.\n');
  // It looks for work by itself as well.
  await service!.stop();
  service = null;
  await sync();
  expect(await row(STATUS, [REFERENCE])).toMatchObject({ status: 'queued', stage: null });
  await work();
  expect(await row(STATUS, [REFERENCE])).toEqual({ status: 'complete', stage: null, errorCode: null, goneAt: null });
  const [hit] = await found('Zaffre "fractured wing"');
  expect(hit).toMatchObject({ page: 1 });
  expect(hit!.highlights.map(([from, to]) => hit!.text.slice(from, to))).toContain('zaffre');
  expect(await found('zaffre', setup.practice.patientUuids[1]!)).toEqual([]);
  await expectEqualCounts();

  await writeShare('The vermilion parrot has healed well, as the second look has shown.\n');
  await sync('deep');
  await work();
  expect(await found('zaffre')).toEqual([]);
  expect(await found('vermilion')).toHaveLength(1);
  await expectEqualCounts();

  await setup.source.execute(`UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${REFERENCE}'`);
  await sync();
  expect(
    await row('SELECT "deletedAt" IS NULL AS live FROM silknote_documents WHERE "vsrxReference" = $1', [REFERENCE]),
  ).toEqual({ live: false });
  await work();
  expect(await found('vermilion')).toEqual([]);
  expect((await row<{ goneAt: Date | null }>(STATUS, [REFERENCE])).goneAt).not.toBeNull();
  const made = await row<{ n: number }>(
    `SELECT count(*)::int AS n FROM document_renditions AS r JOIN silknote_documents AS d ON d.sha256 = r.sha256
     WHERE d."vsrxReference" = $1`,
    [REFERENCE],
  );
  expect(made.n).toBe(0);
  await expectEqualCounts();
});

test('the record has pages and date of the present content, and keeps what somebody else has written there', async () => {
  const letter = (day: number) => `Date of report: ${day} March 2024.\nZoe Sample came.\n`;
  const facts = () =>
    row('SELECT "pageCount" AS pages, "documentDate" AS date FROM silknote_documents WHERE "vsrxReference" = $1', [
      REFERENCE,
    ]);
  const change = async (day: number) => {
    await writeShare(letter(day));
    await sync('deep');
    await work();
  };
  await addFile(letter(5));
  await sync();
  await work();
  expect(await facts()).toEqual({ pages: 1, date: '2024-03-05' });
  await change(16);
  expect(await facts()).toEqual({ pages: 1, date: '2024-03-16' });
  const write = (date: string | null) =>
    records.query('UPDATE silknote_documents SET "documentDate" = $1, "pageCount" = NULL WHERE "vsrxReference" = $2', [
      date,
      REFERENCE,
    ]);
  await write('2001-02-03');
  await change(7);
  expect(await facts()).toEqual({ pages: 1, date: '2001-02-03' });
  // The same content, read by a version that finds another date.
  await write('1999-12-31');
  await records.query(`UPDATE document_renditions SET document_date = '1999-12-31', processor_version = 0`);
  const { id } = await row<{ id: string }>(
    'SELECT "silknoteDocumentUuid" AS id FROM silknote_documents WHERE "vsrxReference" = $1',
    [REFERENCE],
  );
  expect(await setup.chartsync.desk.askAgain(ORGANIZATION, id)).toBe(true);
  await work();
  expect(await facts()).toEqual({ pages: 1, date: '2024-03-07' });

  // What was read before the update.
  await write(null);
  const file = new URL('../../src/stores/postgres/migrations/0037_unread_documents.sql', import.meta.url);
  const statements = (await readFile(file, 'utf8')).split(';');
  await records.query(statements.find((statement) => statement.includes('UPDATE silknote_documents'))!);
  expect(await facts()).toEqual({ pages: 1, date: '2024-03-07' });
  await expectEqualCounts();
});

test('a scan that could not be read says that nothing of it is found, and is read once Tesseract is there', async () => {
  await addFile('Replaced by a picture.');
  await writeFile(join(setup.filesFolder, 'notes/followed.txt'), await pictureOf('zaffre'));
  await sync('deep');
  await work();
  const made = (): Promise<{ pages: number; warnings: string[]; asked: boolean }> =>
    row(
      `SELECT r.text_pages AS pages, r.warnings, r.ocr_asked_at IS NOT NULL AS asked
       FROM document_renditions AS r JOIN silknote_documents AS d USING (sha256) WHERE d."vsrxReference" = $1`,
      [REFERENCE],
    );
  expect(await row(STATUS, [REFERENCE])).toMatchObject({ status: 'complete' });
  expect(await made()).toEqual({ pages: 0, warnings: ['no_text', 'ocr_missing'], asked: false });

  const folder = join(setup.config.home, 'programs');
  await mkdir(folder);
  const install = (reads: string) => {
    const script = `case "$1" in --list-langs) printf "List:\\neng\\nosd\\n";; *) ${reads};; esac`;
    return writeFile(join(folder, 'tesseract'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  };
  const startWithTesseract = async (languages: readonly string[] = ['eng']) => {
    await service!.stop();
    service = await start(folder, { ocrLanguages: languages });
  };
  const tasks = setup.chartsync.documentWork;
  const tesseract = new Set(['tesseract'] as const);

  // A machine without it leaves the text as it is; the other one gets it a day later.
  expect(await tasks.askForRefused(tesseract)).toBeGreaterThan(0);
  expect(await tasks.askForRefused(tesseract)).toBe(0);
  const readAt = () => row("SELECT processed_at FROM document_renditions WHERE warnings @> '{ocr_missing}' LIMIT 1");
  const before = await readAt();
  await work();
  expect(await readAt()).toEqual(before);
  expect(await made()).toEqual({ pages: 0, warnings: ['no_text', 'ocr_missing'], asked: true });
  await records.query(`UPDATE document_renditions SET ocr_asked_at = now() - interval '25 hours' WHERE true`);

  // A reader that crashes takes nothing away.
  await install('kill -9 $PPID');
  await startWithTesseract();
  await until(async () => {
    await records.query("UPDATE document_outbox SET next_try_at = now() WHERE attempts = 1 AND state = 'waiting'");
    service!.nudge();
    return (await made()).warnings.includes('ocr_failed');
  });
  await work();
  expect(await row(STATUS, [REFERENCE])).toMatchObject({ status: 'complete', errorCode: null });
  expect(await made()).toEqual({ pages: 0, warnings: ['no_text', 'ocr_failed'], asked: false });
  expect(await tasks.askForRefused(tesseract)).toBe(0);

  // A scan between pages with text is among those that a person has read again, after everything else; not where it is read elsewhere.
  await service!.stop();
  await records.query(`UPDATE document_renditions SET text_pages = 3 WHERE 'ocr_failed' = ANY (warnings)`);
  const { connection } = await row<{ connection: string }>(
    'SELECT "connectionId" AS connection FROM silknote_documents WHERE "vsrxReference" = $1',
    [REFERENCE],
  );
  const database = openDatabase({ url: setup.environment.DATABASE_URL! });
  const remote = createUnreadDocuments(database, { elsewhere: [`${ORGANIZATION}/${connection}`] });
  expect(await remote.readAgain(ORGANIZATION, 'ocr_failed')).toBe(0);
  expect((await remote.summary(ORGANIZATION)).causes).toEqual([]);
  const elsewhere = await remote.ofPatient(ORGANIZATION, patient());
  expect(elsewhere).toMatchObject({ withoutText: 0, partly: 0 });
  expect(elsewhere.elsewhere).toBeGreaterThan(0);
  await database.close();
  const { unread } = setup.chartsync;
  const cause = { code: 'ocr_failed', failed: false };
  expect((await unread.summary(ORGANIZATION)).causes).toContainEqual({ ...cause, documents: 1 });
  expect(await unread.ofPatient(ORGANIZATION, patient())).toMatchObject({ withoutText: 0, partly: 1, elsewhere: 0 });
  const listed = await unread.list(ORGANIZATION, { code: 'ocr_failed', limit: 10, after: null });
  expect(listed.documents).toMatchObject([cause]);
  expect(await unread.readAgain(ORGANIZATION, 'ocr_failed')).toBe(1);
  expect(await row('SELECT priority FROM document_outbox')).toEqual({ priority: 2 });
  // What a newer version has read is read already.
  await records.query('UPDATE document_renditions SET processor_version = 99');

  await records.query(
    `UPDATE document_renditions SET warnings = '{no_text,ocr_missing}', text_pages = 0 WHERE 'ocr_failed' = ANY (warnings)`,
  );
  await install('echo "The zaffre parrot."');
  missing = Promise.withResolvers();
  await startWithTesseract(['eng', 'ita']);
  expect(await missing.promise).toEqual(['ita']);
  await work();
  expect((await made()).asked).toBe(false);
  await startWithTesseract();
  await until(async () => (await made()).pages === 1);
  await work();
  expect(await made()).toEqual({ pages: 1, warnings: [], asked: false });
  expect(await found('zaffre')).toHaveLength(1);
  await expectEqualCounts();
});

test('what the index lacks, has too much or has of another state is found and set right, also by a rebuild', async () => {
  await sync();
  await work();
  const { desk, blobs } = setup.chartsync;
  const search = await setup.chartsync.search();
  const signal = new AbortController().signal;
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal };
  const ports = { desk, search };
  const entries = await Array.fromAsync(search.list(ORGANIZATION, null));
  const [lost, stale] = entries;
  const pages = [{ number: 1, text: 'Not what the document says.' }];
  const ghost = '00000000-0000-4000-8000-00000000000a';
  const damage = async () => {
    await search.remove({ organizationId: ORGANIZATION, patientUuid: lost!.patientUuid }, [lost!.documentUuid]);
    await search.put({ organizationId: ORGANIZATION, ...stale!, version: 'a'.repeat(64), pages });
    const patientUuid = patient();
    await search.put({
      organizationId: ORGANIZATION,
      patientUuid,
      documentUuid: ghost,
      version: 'b'.repeat(64),
      pages,
    });
  };
  const kinds = async () =>
    Object.fromEntries((await compareIndex(ports, scope)).differences.map((d) => [d.documentUuid, d.kind]));

  expect(await kinds()).toEqual({});
  await damage();
  const wrong = { [lost!.documentUuid]: 'missing', [stale!.documentUuid]: 'different', [ghost]: 'surplus' };
  expect(await kinds()).toEqual(wrong);
  const results = [];
  const { differences } = await compareIndex(ports, scope);
  for (const difference of differences) results.push(await repairIndex(ports, scope, difference));
  expect(results.sort()).toEqual(['asked', 'asked', 'removed']);
  await work();
  expect(await kinds()).toEqual({});
  expect(await repairIndex(ports, scope, differences[0]!)).toBe('settled');
  await expectEqualCounts();

  await damage();
  expect(await rebuildIndex({ ...ports, blobs }, scope)).toMatchObject({ documents: entries.length });
  expect(await kinds()).toEqual({});
  await expectEqualCounts();
});

test('a rebuild keeps what is found already, although its work has not been noted as done', async () => {
  await addFile('The zaffre parrot was seen.');
  await sync();
  await work();
  await service!.stop();
  service = null;
  const { desk, blobs } = setup.chartsync;
  const ports = { desk, blobs, search: await setup.chartsync.search() };
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal: new AbortController().signal };
  const before = await ports.search.count(ORGANIZATION, null);
  // As between the write to the index and the end of the task.
  const all = await records.query<{ id: string }>(
    'SELECT "silknoteDocumentUuid" AS id FROM silknote_documents WHERE "deletedAt" IS NULL',
  );
  for (const { id } of all.rows) expect(await desk.askAgain(ORGANIZATION, id)).toBe(true);
  await records.query(`UPDATE silknote_documents SET status = 'processing', stage = 'extracting'`);
  const rebuilt = await rebuildIndex(ports, scope);
  expect({ documents: rebuilt.documents, passages: rebuilt.passages }).toEqual(before);
  expect(await found('zaffre')).toHaveLength(1);
  await work();
  await expectEqualCounts();
});

test('documents of a patient under an id of another form say so, and leave nothing to be done when they go', async () => {
  await addFile('A letter that nobody can ask for.');
  await setup.source.execute(`UPDATE candidates SET "silknotePatientUuid" = 'B-17' WHERE "silknotePatientUuid" = ?`, [
    patient(),
  ]);
  // What fails in the end is no end of the work as the others wait for it.
  const settled = () => until(async () => (await setup.chartsync.documentWork.open(ORGANIZATION)) === 0, 150_000);
  service = await start('');
  await sync();
  await settled();
  expect(await row(STATUS, [REFERENCE])).toMatchObject({ status: 'error', errorCode: 'unit_not_linkable' });
  await service.stop();
  const { id } = await row<{ id: string }>(
    'SELECT "silknoteDocumentUuid" AS id FROM silknote_documents WHERE "vsrxReference" = $1',
    [REFERENCE],
  );
  const { desk, blobs } = setup.chartsync;
  expect(await desk.askAgain(ORGANIZATION, id)).toBe(true);
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal: new AbortController().signal };
  const { documents } = await rebuildIndex({ desk, blobs, search: await setup.chartsync.search() }, scope);
  expect(documents).toBeGreaterThan(0);
  service = await start('');
  await setup.source.execute(`UPDATE ax_notes_attachments SET deleted = true WHERE file_uuid = '${REFERENCE}'`);
  await sync();
  await settled();
  expect((await row<{ goneAt: Date | null }>(STATUS, [REFERENCE])).goneAt).not.toBeNull();
  await expectEqualCounts();
});

test('documents that another machine had until now are missing in the index, and a repair has them read', async () => {
  await sync();
  // As sent ones are left.
  await records.query('DELETE FROM document_outbox');
  await records.query(`UPDATE silknote_documents SET status = 'complete', "processedAt" = now()`);
  const ports = { desk: setup.chartsync.desk, search: await setup.chartsync.search() };
  const scope = { organizationId: ORGANIZATION, patientUuid: null, signal: new AbortController().signal };
  const { differences } = await compareIndex(ports, scope);
  const { n } = await row<{ n: number }>('SELECT count(*)::int AS n FROM silknote_documents');
  expect(differences.map(({ kind }) => kind)).toEqual(Array(n).fill('missing'));
  for (const difference of differences) expect(await repairIndex(ports, scope, difference)).toBe('asked');
  await work();
  expect((await compareIndex(ports, scope)).differences).toEqual([]);
  await expectEqualCounts();
});

test('a rebuild is not held up by a text that the store has lost: that document is read again', async () => {
  await sync();
  await work();
  const { sha256 } = await row<{ sha256: string }>(
    `SELECT r.pages_sha256 AS sha256 FROM document_renditions AS r JOIN silknote_documents AS d ON d.sha256 = r.sha256
     WHERE d.status = 'complete' ORDER BY 1 LIMIT 1`,
  );
  const root = join(setup.config.home, 'blobs');
  await rm(join(root, (await readdir(root, { recursive: true })).find((file) => file.endsWith(sha256))!));
  const { desk, blobs } = setup.chartsync;
  const ports = { desk, blobs, search: await setup.chartsync.search() };
  const signal = new AbortController().signal;
  const rebuilt = await rebuildIndex(ports, { organizationId: ORGANIZATION, patientUuid: null, signal });
  expect(rebuilt.again).toBeGreaterThan(0);
  expect(rebuilt.documents).toBeGreaterThan(rebuilt.again);
  await work();
  await expectEqualCounts();
});

test('a process that is killed at work is taken over from, and everything is as if it had lived', async () => {
  await sync();
  const { CHARTSYNC_CONFIG, CHARTSYNC_HOME, DATABASE_URL } = setup.environment;
  const program = fileURLToPath(new URL('../support/document-process.ts', import.meta.url));
  for (let kill = 0; kill < 2; kill++) {
    const child = spawn(process.execPath, [program, CHARTSYNC_CONFIG, CHARTSYNC_HOME, DATABASE_URL], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const closed = once(child, 'close');
    const before = await setup.chartsync.documentWork.open(ORGANIZATION);
    const stage = ['analyzing', 'extracting'][kill];
    await until(async () => {
      if (child.exitCode !== null) throw new Error('The process ended by itself.');
      const { n } = await row<{ n: number }>('SELECT count(*)::int AS n FROM silknote_documents WHERE stage = $1', [
        stage,
      ]);
      return n > 0 || (await setup.chartsync.documentWork.open(ORGANIZATION)) < before - 2;
    });
    child.kill('SIGKILL');
    await closed;
  }
  await work();
  await expectEqualCounts();
  const states = await records.query('SELECT DISTINCT status, stage FROM silknote_documents ORDER BY 1');
  for (const { status, stage } of states.rows) {
    expect(['complete', 'error']).toContain(status);
    expect(stage).toBeNull();
  }
});

test('what is at work is given back at once when the service stops', async () => {
  await sync();
  // No content comes: whoever waited for the work to be done would not stop.
  const { blobs } = setup.chartsync;
  service = await start('', {
    blobs: {
      ...blobs,
      async get(_name, signal) {
        if (signal?.aborted === false) await once(signal, 'abort');
        throw new SyncError('cancelled');
      },
    },
  });
  const working = `SELECT count(*)::int AS n FROM document_outbox WHERE state = 'working'`;
  await until(async () => (await row<{ n: number }>(working)).n >= 3);
  await service.stop();
  service = null;
  expect((await row<{ n: number }>(working)).n).toBe(0);
  const given = `SELECT count(*)::int AS n FROM document_outbox WHERE state = 'waiting' AND task = 'process'`;
  expect((await row<{ n: number }>(given)).n).toBe(await setup.chartsync.documentWork.open(ORGANIZATION));
});
