import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileTypeFromFile } from 'file-type';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MariadbServer, startMariadb } from '../../test/support/mariadb.ts';
import { type TestDatabase, testDatabase } from '../../test/support/postgres.ts';
import { bulkPath, createBulkPractice } from './bulk.ts';
import { type OpenPracticeDatabase, openPracticeDatabase, type Row } from './database.ts';
import { createPracticeLife, type ExpectedFile, type ExpectedState, expectedState } from './life.ts';
import { createSamplePractice, SHARE_MARKER } from './practice.ts';
import { genericSchema } from './schema.ts';

const folders: string[] = [];
const databases: OpenPracticeDatabase[] = [];
const postgres: TestDatabase[] = [];
let mariadb: MariadbServer;

beforeAll(async () => {
  mariadb = await startMariadb();
});
afterAll(async () => {
  for (const database of databases) await database.close();
  for (const database of postgres) await database.drop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
  await mariadb?.stop();
});

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sample-practice-'));
  folders.push(folder);
  return folder;
}

async function freshDatabase(dialect: 'mysql' | 'postgres'): Promise<OpenPracticeDatabase> {
  let url: string;
  if (dialect === 'mysql') url = await mariadb.createDatabase(`practice_${databases.length}`);
  else {
    const created = await testDatabase({ migrated: false });
    postgres.push(created);
    url = created.url;
  }
  const database = openPracticeDatabase(url);
  databases.push(database);
  return database;
}

function files(state: ExpectedState): ExpectedFile[] {
  return [...state.patients.values()].flatMap((byReference) => [...byReference.values()]);
}

function only<T>(items: readonly T[]): T {
  expect(items).toHaveLength(1);
  return items[0]!;
}

describe.each(['postgres', 'mysql'] as const)('a sample practice on %s', (dialect) => {
  test('of the default size is complete, and a second call leaves it alone', async () => {
    const database = await freshDatabase(dialect);
    const filesFolder = await freshFolder();
    const started = performance.now();
    const practice = await createSamplePractice({ seed: 1, database, filesFolder });
    console.log(`default sample practice on ${dialect}: ${Math.round(performance.now() - started)} ms`);

    expect(practice).toMatchObject({ created: true, patients: 40, attachments: 300 });
    expect(practice.patientUuids).toHaveLength(39);
    expect(await readdir(filesFolder)).toContain(SHARE_MARKER);

    const state = await expectedState(database, filesFolder);
    expect(state.patients.size).toBe(39);
    expect(state.unlinkable.length).toBeGreaterThan(0);
    const all = files(state);
    expect(all.length + state.unlinkable.length).toBe(300);
    expect([...state.patients.values()].filter((byReference) => byReference.size === 0)).toHaveLength(1);
    expect(all.filter(({ reference }) => reference.startsWith('id:')).length).toBeGreaterThan(5);
    const problems = new Set(all.map(({ problem }) => problem));
    expect(problems).toEqual(new Set([null, 'file_path_refused', 'file_missing', 'file_empty', 'file_too_large']));
    const contents = new Set(all.map(({ content }) => content));
    expect(contents).toEqual(new Set([null, 'usable', 'encrypted', 'truncated', 'unknown-type']));
    const hashes = all.flatMap(({ sha256 }) => sha256 ?? []);
    expect(hashes.length - new Set(hashes).size).toBe(2);

    const oversized = only(all.filter(({ problem }) => problem === 'file_too_large'));
    const { size, blocks } = await stat(join(filesFolder, oversized.path));
    expect(size).toBe(50 * 1024 * 1024 + 1);
    expect(blocks * 512).toBeLessThan(1024 * 1024);
    expect(await fileTypeFromFile(join(filesFolder, oversized.path))).toMatchObject({ mime: 'application/pdf' });

    const again = await createSamplePractice({ seed: 2, patients: 3, attachments: 5, database, filesFolder });
    expect(again).toEqual({ ...practice, created: false });
    expect(await expectedState(database, filesFolder)).toEqual(state);
  });

  test('is decided by its seed', async () => {
    const make = async (seed: number) => {
      const database = await freshDatabase(dialect);
      const filesFolder = await freshFolder();
      await createSamplePractice({ seed, patients: 8, attachments: 50, database, filesFolder });
      const rows = await database.execute<Row>('SELECT * FROM ax_notes_attachments ORDER BY id');
      return { rows: JSON.stringify(rows), state: await expectedState(database, filesFolder) };
    };
    const first = await make(3);
    expect(await make(3)).toEqual(first);
    expect((await make(4)).rows).not.toBe(first.rows);
  });

  test('names its files byte for byte as the folder does', async () => {
    const database = await freshDatabase(dialect);
    const filesFolder = await freshFolder();
    await createSamplePractice({ seed: 1, patients: 6, attachments: 60, database, filesFolder });
    const onDisk = new Set(await readdir(filesFolder, { recursive: true }));
    const state = await expectedState(database, filesFolder);
    const paths = files(state).flatMap(({ path, problem }) => (problem === null ? [path] : []));
    expect(paths.filter((path) => !onDisk.has(path))).toEqual([]);
    expect(paths.some((path) => path.includes('紹介状'))).toBe(true);
    expect([...onDisk].filter((path) => path.endsWith('.part'))).toEqual([]);
  });

  test.each([false, true])(
    'lives, stays bounded and agrees with its oracle (deleted column: %s)',
    async (deletedColumn) => {
      const database = await freshDatabase(dialect);
      const filesFolder = await freshFolder();
      const schema = { deletedColumn, filesets: true };
      await createSamplePractice({ seed: 1, patients: 8, attachments: 60, database, filesFolder, schema });
      const life = createPracticeLife({
        seed: 9,
        database,
        filesFolder,
        maxFiles: 70,
        clock: { now: () => Date.UTC(2026, 6, 1) },
      });

      const kinds = new Set<string>();
      const gone = new Set<string>();
      for (let step = 0; step < 40; step++) {
        const before = references(await expectedState(database, filesFolder));
        const events = await life.step();
        const after = references(await expectedState(database, filesFolder));
        for (const { kind, reference } of events) {
          kinds.add(kind);
          if (kind === 'added' || kind === 'uploaded-again') before.add(reference);
          if (kind === 'deleted' || kind === 'flagged-deleted') {
            before.delete(reference);
            gone.add(reference);
          }
        }
        expect(after).toEqual(before);
      }
      const expected = [
        'added',
        'uploaded-again',
        'moved',
        'changed',
        'deleted',
        ...(deletedColumn ? ['flagged-deleted'] : []),
      ];
      expect(kinds).toEqual(new Set(expected));

      const state = await expectedState(database, filesFolder);
      const live = files(state);
      expect(live.length + state.unlinkable.length).toBeLessThanOrEqual(70);
      expect(state.flaggedDeleted.length).toBeLessThanOrEqual(40);
      expect([...references(state)].filter((reference) => gone.has(reference))).toEqual([]);
      // Life itself breaks nothing: still only the file that was missing from the start.
      expect(live.filter(({ problem }) => problem === 'file_missing').length).toBeLessThanOrEqual(1);
      for (const { path, sha256 } of live) {
        if (sha256 === null) continue;
        const bytes = await readFile(join(filesFolder, path));
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
      }
      // Files of rows that are gone are gone too; flagged rows may keep theirs.
      const onDisk = (await readdir(join(filesFolder, 'notes'), { recursive: true, withFileTypes: true })).filter(
        (entry) => entry.isFile(),
      );
      expect(onDisk.length).toBeLessThanOrEqual(70 + 40);
    },
  );

  test('of bulk rows is made by the server, with files on request', async () => {
    const database = await freshDatabase(dialect);
    const folder = await freshFolder();
    await createBulkPractice({
      rows: 2500,
      patients: 40,
      database,
      withFiles: { folder, minBytes: 100, maxBytes: 3000 },
    });
    const state = await expectedState(database, folder);
    const all = files(state);
    expect(all).toHaveLength(2500);
    expect(state.patients.size).toBe(40);
    expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(2500);
    expect(all.every(({ size }) => size !== null && size >= 100 && size <= 3000)).toBe(true);
    expect(await fileTypeFromFile(join(folder, bulkPath(2500)))).toMatchObject({ mime: 'application/pdf' });
    await expect(createBulkPractice({ rows: 1, patients: 1, database })).rejects.toThrow('already');
    // The server goes on numbering after the rows that were numbered by hand.
    await database.execute("INSERT INTO ax_notes_attachments (assessment_id, file) VALUES (1, 'notes/next.pdf')");
    const [last] = await database.execute<{ id: number }>('SELECT MAX(id) AS id FROM ax_notes_attachments');
    expect(Number(last?.id)).toBe(2501);
  });

  test('the generic tables can be created and created again', async () => {
    const database = await freshDatabase(dialect);
    for (const statement of [...genericSchema(dialect), ...genericSchema(dialect)]) await database.execute(statement);
    const quoted = dialect === 'mysql' ? '`Files`' : '"Files"';
    expect(await database.execute(`SELECT * FROM ${quoted}`)).toEqual([]);
  });
});

function references(state: ExpectedState): Set<string> {
  return new Set([...files(state).map(({ reference }) => reference), ...state.unlinkable]);
}
