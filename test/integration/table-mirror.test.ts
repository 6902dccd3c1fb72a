/** The copy of our tables in the VSRX database: real MariaDB, and the diagnostic queries as people have them written down. */
import { createHash, randomUUID } from 'node:crypto';
import type { Connection } from 'mysql2/promise';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPracticeLife } from '../../simulators/vsrx/life.ts';
import { loadConfig } from '../../src/config/load.ts';
import { syncFiles } from '../../src/engine/files/sync-files.ts';
import { applyConfiguration, openChartsync } from '../../src/main.ts';
import { catchUp, compareMirror, repairMirror, startMirrors } from '../../src/runs/mirror-tables.ts';
import { systemClock } from '../../src/stores/system-clock.ts';
import { runCli } from '../support/cli.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb.ts';
import { CONNECTION, type PracticeSetup, setUpPractice, storedState } from '../support/practice-setup.ts';
import { startSqlProxy } from '../support/sql-proxy.ts';
import { until } from '../support/until.ts';

let mariadb: MariadbServer;
let vsrx: Connection;
let setup: PracticeSetup;
let records: pg.Client;

beforeAll(async () => {
  mariadb = await startMariadb();
  setup = await setUpPractice({
    sourceUrl: await mariadb.createDatabase('vsrx'),
    patients: 6,
    attachments: 40,
    settings: { mirrorTables: true },
    sections: {
      deletionGuard: { maxCount: 100_000, maxPercent: 100 },
      limits: { retryDelay: '10ms', documentsAtOnce: 0 },
    },
  });
  vsrx = await mariadb.admin('vsrx');
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
});
afterAll(async () => {
  await records?.end();
  await setup?.close();
  await mariadb?.stop();
});

const signal = new AbortController().signal;
const mirror = () => setup.chartsync.mirrors[0]!;
const write = () => catchUp(setup.chartsync.mirrorRecords, mirror(), signal);
const compare = () => compareMirror(setup.chartsync.mirrorRecords, mirror(), signal);

async function sync(): Promise<void> {
  const { ports, settings } = setup.connection;
  for (let run = 0; run < 2; run++) {
    expect((await syncFiles(ports, settings, { mode: 'deep', trigger: 'manual' })).state).toBe('completed');
  }
}

async function query<T>(sql: string): Promise<T[]> {
  const [rows] = await vsrx.query(sql);
  return rows as T[];
}

/** Patient → references, as the mirrored tables have them. */
async function mirrored(): Promise<Record<string, string[]>> {
  const rows = await query<{ patientUuid: string; VSRXReference: string }>(
    'SELECT patientUuid, VSRXReference FROM silknote_documents ORDER BY patientUuid, VSRXReference',
  );
  const byPatient = Map.groupBy(rows, (row) => row.patientUuid);
  return Object.fromEntries([...byPatient].map(([patient, own]) => [patient, own.map((row) => row.VSRXReference)]));
}

async function stored(): Promise<Record<string, string[]>> {
  const state = await storedState(setup.connection);
  return Object.fromEntries(
    Object.entries(state).map(([patient, documents]) => [patient, Object.keys(documents).sort()]),
  );
}

test('the tables follow every run, and the diagnostic queries say what is so', async () => {
  await sync();
  expect(await write()).toBe(true);
  expect(await mirrored()).toEqual(await stored());

  const [last] = await query<{ 'MAX(updatedAt)': Date }>('SELECT MAX(updatedAt) FROM silknote_documents');
  expect(last!['MAX(updatedAt)']).toBeInstanceOf(Date);
  const [{ at } = { at: '' }] = await query<{ at: string }>(
    "SELECT DATE_FORMAT(MAX(updatedAt), '%Y-%m-%dT%H:%i:%s') AS at FROM silknote_documents",
  );
  const { rows } = await records.query(
    'SELECT max("updatedAt") AS last FROM silknote_documents WHERE "deletedAt" IS NULL',
  );
  expect(at).toBe(rows[0].last.toISOString().slice(0, 19));

  const orphans = await query(`
    SELECT sd.* FROM silknote_documents sd
    LEFT JOIN silknote_patient_filesets spf
    ON sd.patientUuid = spf.silknotePatientUuid
    WHERE spf.silknotePatientUuid IS NULL`);
  expect(orphans).toEqual([]);

  const PENDING = `
    SELECT COUNT(*) AS n FROM ax_notes_attachments a
    LEFT JOIN silknote_documents d ON a.file_uuid = d.VSRXReference
    WHERE d.VSRXReference IS NULL`;
  const [before] = await query<{ n: number }>(PENDING);
  await vsrx.query(`
    INSERT INTO ax_notes_attachments (assessment_id, datestamp, file, file_uuid)
    SELECT assessment_id, NOW(), file, UUID() FROM ax_notes_attachments
    WHERE file_uuid IN (SELECT VSRXReference FROM silknote_documents) ORDER BY id LIMIT 1`);
  expect((await query<{ n: number }>(PENDING))[0]!.n).toBe(before!.n + 1);
  await sync();
  await write();
  expect((await query<{ n: number }>(PENDING))[0]!.n).toBe(before!.n);

  const errors = await query<{ silknotePatientUuid: string; errors: unknown }>(`
    SELECT silknotePatientUuid, errors FROM silknote_patient_filesets
    WHERE JSON_LENGTH(errors) > 0 ORDER BY updatedAt DESC LIMIT 10`);
  expect(errors.length).toBeGreaterThan(0);
  const known = await records.query('SELECT "silknotePatientUuid" AS patient, errors FROM silknote_patient_filesets');
  for (const row of errors) {
    const own = known.rows.find(({ patient }) => patient === row.silknotePatientUuid);
    expect(row.errors).toEqual(own.errors);
  }
});

test('what happens during an outage is written after it, whatever was killed in between', async () => {
  const life = createPracticeLife({ seed: 5, database: setup.source, filesFolder: setup.filesFolder, maxFiles: 80 });
  for (let step = 0; step < 40; step++) await life.step();
  await sync();
  expect((await setup.chartsync.mirrorRecords.lag(mirror().key)).pending).toBeGreaterThan(0);
  const away = await openOther(await environmentAt('mysql://nobody:nothing@127.0.0.1:1/vsrx'));
  await expect(catchUp(away.mirrorRecords, away.mirrors[0]!, signal)).rejects.toMatchObject({
    code: 'source_unreachable',
  });
  const lag = await away.mirrorRecords.lag(mirror().key);
  expect(lag).toMatchObject({ code: 'source_unreachable' });
  expect(lag.pending).toBeGreaterThan(0);
  await away.close();

  const proxy = await startSqlProxy(mariadb.url('vsrx'));
  const other = await openOther(await environmentAt(proxy.url));
  const atCommit = proxy.hold('COMMIT');
  const worker = startMirrors({
    records: other.mirrorRecords,
    mirrors: other.mirrors,
    clock: systemClock,
    onError: () => undefined,
  });
  try {
    await atCommit.arrived;
    proxy.cut();
    expect((await other.mirrorRecords.lag(mirror().key)).pending).toBeGreaterThan(0);
    await until(async () => (await other.mirrorRecords.lag(mirror().key)).pending === 0);
  } finally {
    await worker.stop();
    await other.close();
    await proxy.stop();
  }
  expect(await mirrored()).toEqual(await stored());
  expect(await compare()).toEqual([]);
});

test('damage in the tables is found and repaired; what others wrote there stays', async () => {
  const [one, two] = await query<{ silknoteDocumentUuid: string; patientUuid: string }>(
    'SELECT silknoteDocumentUuid, patientUuid FROM silknote_documents ORDER BY 1 LIMIT 2',
  );
  const { rows } = await records.query(
    `SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents WHERE "deletedAt" IS NOT NULL LIMIT 1`,
  );
  const removed = rows[0].uuid;
  const stranger = '00000000-0000-4000-8000-0000000000aa';
  await vsrx.query('DELETE FROM silknote_documents WHERE silknoteDocumentUuid = ?', [one!.silknoteDocumentUuid]);
  await vsrx.query(`UPDATE silknote_documents SET VSRXReference = 'wrong' WHERE silknoteDocumentUuid = ?`, [
    two!.silknoteDocumentUuid,
  ]);
  for (const uuid of [removed, stranger]) {
    await vsrx.query(
      `INSERT INTO silknote_documents (silknoteDocumentUuid, patientUuid, originalName) VALUES (?, ?, 'x')`,
      [uuid, one!.patientUuid],
    );
  }
  const differences = await compare();
  expect(Object.fromEntries(differences.map((d) => [d.documentUuid, d.kind]))).toEqual({
    [one!.silknoteDocumentUuid]: 'missing',
    [two!.silknoteDocumentUuid]: 'different',
    [removed]: 'surplus',
  });
  await repairMirror(setup.chartsync.mirrorRecords, mirror(), differences, signal);
  expect(await compare()).toEqual([]);
  expect(
    await query('SELECT 1 FROM silknote_documents WHERE silknoteDocumentUuid = ?'.replace('?', `'${stranger}'`)),
  ).toHaveLength(1);
  await vsrx.query('DELETE FROM silknote_documents WHERE silknoteDocumentUuid = ?', [stranger]);
});

test('two processes do not write at one time, and a killed one leaves nothing locked', async () => {
  const holder = await mariadb.admin('vsrx');
  await holder.query("SELECT GET_LOCK(CONCAT('chartsync:', MD5(DATABASE())), 0)");
  await setup.chartsync.mirrorRecords.markAgain(mirror().key, [
    { documentUuid: stranger(), patientUuid: setup.practice.patientUuids[0]! },
  ]);
  expect(await write()).toBe(false);
  holder.destroy();
  await until(write);
  expect((await setup.chartsync.mirrorRecords.lag(mirror().key)).pending).toBe(0);
});

test('a text that a column of an existing table cannot hold is cut, and holds up nothing', async () => {
  const everything = async () => {
    await mirror().tables.close();
    await records.query('UPDATE silknote_documents SET "updatedAt" = now()');
    await records.query('UPDATE silknote_patient_filesets SET "updatedAt" = now()');
    expect(await write()).toBe(true);
    expect((await setup.chartsync.mirrorRecords.lag(mirror().key)).pending).toBe(0);
    expect(await compare()).toEqual([]);
  };
  await vsrx.query('UPDATE silknote_documents SET originalName = LEFT(originalName, 8)');
  await vsrx.query('ALTER TABLE silknote_documents MODIFY originalName VARCHAR(8) NOT NULL');
  await vsrx.query('UPDATE silknote_patient_filesets SET syncLog = NULL');
  await vsrx.query('ALTER TABLE silknote_patient_filesets MODIFY syncLog VARCHAR(20) NULL');
  await everything();
  const [longest] = await query<{ n: number }>('SELECT MAX(CHAR_LENGTH(originalName)) AS n FROM silknote_documents');
  expect(longest!.n).toBe(8);
  // Half of it would be no JSON.
  expect(await query('SELECT 1 FROM silknote_patient_filesets WHERE syncLog IS NOT NULL')).toEqual([]);
  await vsrx.query('ALTER TABLE silknote_documents MODIFY originalName VARCHAR(500) NOT NULL');
  await vsrx.query('ALTER TABLE silknote_patient_filesets MODIFY syncLog LONGTEXT NULL');
  await everything();
});

test('documents that were brought before a connection fills the fileset are in the copy from then on', async () => {
  const patientUuid = '00000000-0000-4000-8000-0000000000ac';
  const bytes = Buffer.from('A letter that came before its patient was known.');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { desk, blobs } = setup.chartsync;
  await desk.announce('org_test', { sha256, size: bytes.length });
  await blobs.put(`org_test/${sha256}`, { sha256, size: bytes.length, open: () => bytes });
  const brought = await desk.upload({
    organizationId: 'org_test',
    patientUuid,
    documentUuid: randomUUID(),
    reference: 'brought-before',
    clientFileId: null,
    originalName: 'letter.txt',
    title: null,
    uploadedAt: null,
    sourceSystem: 'upload',
    mimeType: null,
    sha256,
    sizeBytes: bytes.length,
    newPatient: { ownerUuid: null },
  });
  expect(brought.outcome).toBe('added');
  await write();
  expect((await mirrored())[patientUuid]).toBeUndefined();

  await vsrx.query(`INSERT INTO candidates (first_name, silknotePatientUuid) VALUES ('Avery', '${patientUuid}')`);
  await vsrx.query(
    `INSERT INTO assessments (candidate_id) SELECT candidate_id FROM candidates WHERE silknotePatientUuid = '${patientUuid}'`,
  );
  await vsrx.query(`
    INSERT INTO ax_notes_attachments (assessment_id, datestamp, file, file_uuid)
    SELECT a.assessment_id, NOW(), f.file, UUID()
    FROM assessments AS a JOIN candidates AS c ON c.candidate_id = a.candidate_id
    JOIN ax_notes_attachments AS f ON f.file_uuid IN (SELECT VSRXReference FROM silknote_documents)
    WHERE c.silknotePatientUuid = '${patientUuid}' ORDER BY f.id LIMIT 1`);
  await sync();
  await write();
  expect((await mirrored())[patientUuid]).toHaveLength(2);
  expect((await mirrored())[patientUuid]).toContain('brought-before');
  expect(await compare()).toEqual([]);
});

test('characters that tables of latin1 lack hold up nothing, are told, and come once the tables have room for them', async () => {
  const NAME = 'Łódź – Befund für Zoë 😀.txt';
  const convertTo = async (charset: string) => {
    // Another program's settings: what does not fit is its affair.
    await vsrx.query("SET SESSION sql_mode = ''");
    await vsrx.query(`ALTER TABLE silknote_patient_filesets CONVERT TO CHARACTER SET ${charset}`);
    await vsrx.query(`ALTER TABLE silknote_documents CONVERT TO CHARACTER SET ${charset}`);
  };
  const [one] = await query<{ silknoteDocumentUuid: string; patientUuid: string }>(
    'SELECT silknoteDocumentUuid, patientUuid FROM silknote_documents ORDER BY 1 LIMIT 1',
  );
  const held = async () => {
    const [row] = await query<{ originalName: string; title: string; patientName: string; word: string }>(`
      SELECT d.originalName, d.title, f.patientName, JSON_UNQUOTE(JSON_EXTRACT(f.syncLog, '$.word')) AS word
      FROM silknote_documents AS d JOIN silknote_patient_filesets AS f ON f.silknotePatientUuid = d.patientUuid
      WHERE d.silknoteDocumentUuid = '${one!.silknoteDocumentUuid}'`);
    return row;
  };
  const status = () => runCli(['status'], { cwd: setup.folder, env: setup.environment });
  await vsrx.query('ALTER TABLE silknote_documents DROP FOREIGN KEY fk_silknote_document_patient');
  await convertTo('latin1');
  await mirror().tables.close();
  await records.query(
    `UPDATE silknote_documents SET "originalName" = $1, title = $2 WHERE "silknoteDocumentUuid" = $3`,
    [NAME, 'é'.repeat(400), one!.silknoteDocumentUuid],
  );
  await records.query(
    `UPDATE silknote_patient_filesets SET "patientName" = 'Łukasz Größe', "syncLog" = '{"word":"Łódź 😀"}'
     WHERE "silknotePatientUuid" = $1`,
    [one!.patientUuid],
  );
  expect((await status()).stdout).not.toContain('"?"');
  let rows = 0;
  expect(
    await catchUp(setup.chartsync.mirrorRecords, mirror(), signal, (replaced) => {
      rows += replaced;
    }),
  ).toBe(true);
  expect(rows).toBeGreaterThanOrEqual(2);
  expect(await setup.chartsync.mirrorRecords.lag(mirror().key)).toMatchObject({ pending: 0, lacksCharacters: true });
  expect(await held()).toEqual({
    originalName: '?ód? – Befund für Zoë ?.txt',
    title: 'é'.repeat(400),
    patientName: '?ukasz Größe',
    // In JSON nothing is lost.
    word: 'Łódź 😀',
  });
  expect((await status()).stdout).toContain('have "?" for characters');
  const verified = await runCli(['verify', CONNECTION], { cwd: setup.folder, env: setup.environment });
  expect(verified.stdout).toContain('have "?" for characters');
  expect(verified.stdout).not.toContain('mirror ');
  expect(await compare()).toEqual([]);

  await convertTo('utf8mb4');
  expect(await compare()).toEqual([]);
  expect(await held()).toEqual({
    originalName: NAME,
    title: 'é'.repeat(400),
    patientName: 'Łukasz Größe',
    word: 'Łódź 😀',
  });
  expect(await setup.chartsync.mirrorRecords.lag(mirror().key)).toMatchObject({ pending: 0, lacksCharacters: false });
  expect((await status()).stdout).not.toContain('"?"');
});

test('a table that is missing is made to fit the other one, whatever that one is', async () => {
  await vsrx.query('DROP TABLE silknote_documents');
  await vsrx.query('ALTER TABLE silknote_patient_filesets CONVERT TO CHARACTER SET latin1');
  await mirror().tables.close();
  const { rows } = await records.query(
    'SELECT "silknoteDocumentUuid" AS "documentUuid", "patientUuid" FROM silknote_documents WHERE "deletedAt" IS NULL',
  );
  await setup.chartsync.mirrorRecords.markAgain(mirror().key, rows);
  expect(await write()).toBe(true);
  expect(await query('SELECT 1 FROM silknote_documents')).toHaveLength(rows.length);
  expect(await compare()).toEqual([]);
});

test('a column that the tables lack is named, and a source that says who is activated keeps its word', async () => {
  const patient = Object.keys(await mirrored())[0]!;
  await vsrx.query('UPDATE silknote_patient_filesets SET activatedUse = 1 WHERE silknotePatientUuid = ?', [patient]);
  const env = await setup.environmentWith({ settings: { mirrorTables: true, activate: 'source' } });
  const other = await openOther(env);
  try {
    await records.query('UPDATE silknote_patient_filesets SET "updatedAt" = now() WHERE "silknotePatientUuid" = $1', [
      patient,
    ]);
    await catchUp(other.mirrorRecords, other.mirrors[0]!, signal);
    const [row] = await query<{ activatedUse: number }>(
      `SELECT activatedUse FROM silknote_patient_filesets WHERE silknotePatientUuid = '${patient}'`,
    );
    expect(row!.activatedUse).toBe(1);
    await vsrx.query('ALTER TABLE silknote_documents DROP COLUMN status');
    await records.query('UPDATE silknote_patient_filesets SET "updatedAt" = now()');
    await other.mirrors[0]!.tables.close();
    await expect(catchUp(other.mirrorRecords, other.mirrors[0]!, signal)).rejects.toThrow('silknote_documents.status');
  } finally {
    await other.close();
  }
});

function stranger(): string {
  return '00000000-0000-4000-8000-0000000000ab';
}

function environmentAt(database: string): Promise<PracticeSetup['environment']> {
  return setup.environmentWith({
    settings: { mirrorTables: true, database, timeouts: { connect: '2s', query: '5s' } },
  });
}

async function openOther(env: PracticeSetup['environment']) {
  const config = await loadConfig({ env, cwd: setup.folder });
  const database = { url: env.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  const other = await openChartsync(config, database);
  await applyConfiguration(other);
  return other;
}
