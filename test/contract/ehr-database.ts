/**
 * The contract of `src/ports/ehr-database.ts`, sentence by sentence, for any database server.
 *
 * Sample persons are invented. Statements are standard SQL with names in double quotes.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Dialect, genericSchema, vsrxSchema } from '../../simulators/vsrx/schema.ts';
import { createEhrDatabase } from '../../src/connectors/vsrx/database.ts';
import type { EhrDatabaseOptions } from '../../src/connectors/vsrx/mysql.ts';
import { SyncError } from '../../src/domain/errors.ts';
import { compareKeys, fileReference, type Reference, storedReference } from '../../src/domain/reference.ts';
import type { EhrDatabase, FileRead, SourceFile, SourcePatient, SourcePatients } from '../../src/ports/ehr-database.ts';
import { startSqlProxy } from '../support/sql-proxy.ts';

/** An empty database on a real server. */
export interface EhrServerDatabase {
  readonly url: string;
  /** Runs a statement as the administrator. */
  execute(sql: string): Promise<Record<string, unknown>[]>;
  /** URL for a new user who may read these tables only. */
  userFor(tables: readonly string[]): Promise<string>;
  /** Connections to this database other than the test's own. */
  connections(): Promise<number>;
  /** Whether some statement of others sleeps. */
  isSleeping(): Promise<boolean>;
  /** Whether some statement waits for a lock on a table. */
  isWaiting(): Promise<boolean>;
  /** The server ends these connections. */
  endConnections(): Promise<void>;
  drop(): Promise<void>;
}

export interface EhrServer {
  readonly dialect: Dialect;
  createDatabase(): Promise<EhrServerDatabase>;
  stop(): Promise<void>;
}

const ADA = '11111111-aaaa-4aaa-8aaa-000000000001';
const BEN = '22222222-bbbb-4bbb-8bbb-000000000002';
const OWNER = 'aaaaaaaa-0000-4000-8000-00000000000a';

export function describeEhrDatabase(name: string, startServer: () => Promise<EhrServer>): void {
  describe(`EHR database contract: ${name}`, () => {
    let server: EhrServer;
    let source: EhrServerDatabase;
    const opened: EhrDatabase[] = [];

    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(() => server?.stop());
    beforeEach(async () => {
      source = await server.createDatabase();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((db) => db.close()));
      await source.drop();
    });

    function open(options: Partial<EhrDatabaseOptions> = {}): EhrDatabase {
      const db = createEhrDatabase({ url: source.url, mapping: 'vsrx', ...options });
      opened.push(db);
      return db;
    }

    async function createVsrx(options: { deletedColumn?: boolean; filesets?: boolean } = {}): Promise<void> {
      for (const sql of vsrxSchema(server.dialect, options)) await source.execute(sql);
      await source.execute(
        `INSERT INTO staff (staff_id, username, "silknoteUserUuid") VALUES (1, 'sam.sample', '${OWNER.toUpperCase()}')`,
      );
    }

    /** Patient n with one assessment of the same number. */
    async function patient(n: number, uuid: string | null): Promise<void> {
      await source.execute(
        `INSERT INTO candidates (candidate_id, staff_id, first_name, last_name, "silknotePatientUuid") ` +
          `VALUES (${n}, 1, 'Test', 'Person ${n}', ${literal(uuid)})`,
      );
      await source.execute(`INSERT INTO assessments (assessment_id, candidate_id) VALUES (${n}, ${n})`);
    }

    interface FileValues {
      id: number;
      of: number;
      uuid?: string | null;
      path?: string | null;
      at?: string | null;
      description?: string | null;
    }
    async function files(...rows: FileValues[]): Promise<void> {
      const values = rows.map(
        (f) =>
          `(${f.id}, ${f.of}, ${literal(f.uuid)}, ${literal(f.path === undefined ? `notes/${f.id}.pdf` : f.path)}, ` +
          `${literal(f.at)}, ${literal(f.description)})`,
      );
      await source.execute(
        `INSERT INTO ax_notes_attachments (id, assessment_id, file_uuid, file, datestamp, description) VALUES ${values.join(', ')}`,
      );
    }

    /** 30 patients with 900 files each: more than is fetched at once. */
    async function manyFiles(): Promise<number> {
      for (let n = 1; n <= 30; n++) {
        await patient(n, `${String(97 - n).padStart(8, '0')}-0000-4000-8000-000000000000`);
        await files(...Array.from({ length: 900 }, (_, i) => ({ id: n * 1000 + i, of: n })));
      }
      return 27_000;
    }

    describe('check', () => {
      it.each([
        { deletedColumn: false, mapping: 'vsrx' as const },
        { deletedColumn: true, mapping: { preset: 'vsrx' as const, file: { deleted: 'deleted' } } },
      ])('accepts the VSRX schema, deleted column: $deletedColumn', async ({ deletedColumn, mapping }) => {
        await createVsrx({ deletedColumn });
        await open({ mapping }).check();
      });

      it('accepts the generic schema', async () => {
        for (const sql of genericSchema(server.dialect)) await source.execute(sql);
        await open({ mapping: 'generic' }).check();
      });

      it('names every missing table and column at once', async () => {
        await createVsrx();
        const mapping = {
          preset: 'vsrx' as const,
          owner: { table: 'users' },
          patient: { name: 'full_name' },
          file: { deleted: 'deleted' },
        };
        const error = await failureOf(open({ mapping }).check());
        expect(error.code).toBe('source_mapping');
        for (const name of ['table users', 'column candidates.full_name', 'column ax_notes_attachments.deleted']) {
          expect(error.detail).toContain(name);
        }
        expect(error.detail).not.toContain('candidate_id');
      });

      it('wants the record of activations only when asked to', async () => {
        await createVsrx();
        await open().check();
        const error = await failureOf(open({ checkActivation: true }).check());
        expect(error.code).toBe('source_mapping');
        expect(error.detail).toContain('silknote_patient_filesets');
        for (const sql of vsrxSchema(server.dialect, { filesets: true })) await source.execute(sql);
        await open({ checkActivation: true }).check();
      });

      it('names tables that the user may not read', async () => {
        await createVsrx();
        const url = await source.userFor(['staff', 'candidates', 'ax_notes_attachments']);
        const error = await failureOf(open({ url }).check());
        expect(error.code).toBe('source_permission');
        expect(error.detail).toContain('assessments');
        expect(error.detail).not.toContain('candidates');
      });

      it('is enough with SELECT on the mapped tables, and so are all reads', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files({ id: 1, of: 1 });
        const db = open({ url: await source.userFor(['staff', 'candidates', 'assessments', 'ax_notes_attachments']) });
        await db.check();
        expect(await Array.fromAsync(db.readFiles('all'))).toHaveLength(1);
      });

      it('refuses a column with binary content where text is compared', async () => {
        await createVsrx();
        await source.execute('ALTER TABLE candidates DROP COLUMN "silknotePatientUuid"');
        const type = server.dialect === 'mysql' ? 'BINARY(16)' : 'bytea';
        await source.execute(`ALTER TABLE candidates ADD COLUMN "silknotePatientUuid" ${type}`);
        const error = await failureOf(open().check());
        expect(error.code).toBe('source_mapping');
        expect(error.detail).toContain('candidates.silknotePatientUuid');
      });
    });

    describe('errors', () => {
      it('tells a wrong password, without showing it', async () => {
        const url = new URL(source.url);
        url.password = 'wrong-secret';
        const error = await failureOf(open({ url: url.href }).check());
        expect(error.code).toBe('source_credentials');
        expect(error.message).not.toContain('wrong-secret');
      });

      it('tells a server that is not there', async () => {
        const url = new URL(source.url);
        url.port = '1';
        expect((await failureOf(open({ url: url.href }).check())).code).toBe('source_unreachable');
      });

      it('tells a database that does not exist', async () => {
        const url = new URL(source.url);
        url.pathname = '/no_such_database';
        expect((await failureOf(open({ url: url.href }).check())).code).toBe('source_mapping');
      });

      it('tells a server that accepts and says nothing', async () => {
        const proxy = await startSqlProxy(source.url);
        const silent = proxy.hold('');
        const error = await failureOf(open({ url: proxy.url, connectTimeoutMs: 300, queryTimeoutMs: 300 }).check());
        expect(['source_unreachable', 'source_timeout']).toContain(error.code);
        silent.release();
        await proxy.stop();
      });

      it('tells a statement that takes too long', async () => {
        await createVsrx();
        const proxy = await startSqlProxy(source.url);
        const held = proxy.hold('COUNT(*)');
        const error = await failureOf(readAll(open({ url: proxy.url, queryTimeoutMs: 500 })));
        expect(error.code).toBe('source_timeout');
        expect(error.action).toBe('retry');
        held.release();
        await proxy.stop();
      });

      it('tells a missing column when reading without a check', async () => {
        await createVsrx();
        const mapping = { preset: 'vsrx' as const, file: { deleted: 'deleted' } };
        await patient(1, ADA);
        await files({ id: 1, of: 1 });
        expect((await failureOf(readAll(open({ mapping })))).code).toBe('source_mapping');
      });

      it('refuses more callers than may wait, and one that waits too long', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files({ id: 1, of: 1 });
        const db = open({ maxConnections: 1, maxWaiting: 1, connectTimeoutMs: 3000 });
        const holder = db.readFiles('all')[Symbol.asyncIterator]();
        await holder.next();
        const waits = failureOf(db.check());
        const refused = failureOf(db.check());
        expect((await refused).code).toBe('source_timeout');
        expect((await waits).code).toBe('source_timeout');
        await holder.return?.();
      });
    });

    describe('readFiles', () => {
      it('delivers every column', async () => {
        await createVsrx();
        await source.execute(`ALTER TABLE candidates ADD COLUMN full_name varchar(100)`);
        await patient(1, ADA.toUpperCase());
        await source.execute(`UPDATE candidates SET full_name = 'Ada Example 𝒜'`);
        await files({
          id: 7,
          of: 1,
          uuid: 'ABCDEF00-0000-4000-8000-000000000007',
          path: 'notes/Überweisung 🩻.pdf',
          at: '2024-01-15 09:30:00',
          description: 'Röntgen 𠮷',
        });
        const db = open({ mapping: { preset: 'vsrx', patient: { name: 'full_name' } } });
        expect(await Array.fromAsync(db.readFiles('all'))).toEqual([
          {
            unit: ADA,
            reference: storedReference('abcdef00-0000-4000-8000-000000000007'),
            // The same for every server: a move to another one must not look like a change of every file.
            fingerprint: 'oFTM2Xcb34-R4uHp-nHkFC',
            deleted: false,
            sourceId: '7',
            path: 'notes/Überweisung 🩻.pdf',
            description: 'Röntgen 𠮷',
            uploadedAt: '2024-01-14T22:30:00.000Z',
            ownerUuid: OWNER,
            patientName: 'Ada Example 𝒜',
          },
        ] satisfies SourceFile[]);
      });

      it('delivers rows that have nothing but an id', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files({ id: 7, of: 1, path: null });
        await source.execute('UPDATE candidates SET staff_id = NULL');
        const [file] = await Array.fromAsync(open().readFiles('all'));
        expect(file).toMatchObject({
          reference: 'id:7',
          path: null,
          description: null,
          uploadedAt: null,
          ownerUuid: null,
          patientName: null,
        });
      });

      it('orders by unit and reference in byte order, whatever the collation, case, blanks or alphabet', async () => {
        await createVsrx();
        const units = ['b-1', 'B-0', 'a_2', 'A-3', 'a-20', 'a-2', ' c-blank ', 'ä-umlaut', 'z', '𝒜', '~'];
        const uuids = ['Bb', 'ba', 'b_', 'b-', 'b', ' C ', '\tc2', 'Ä', 'zz', '𝒜', '豈', '~', null, '', '  ', 'i', 'j'];
        const expected: { unit: string; reference: Reference }[] = [];
        for (const [i, unit] of units.entries()) {
          await patient(i + 1, unit);
          await files(
            ...uuids.map((uuid, j) => {
              const id = 900 + (i + 1) * 100 - j * 3;
              expected.push({ unit: unit.trim().toLowerCase(), reference: fileReference(uuid, String(id)) });
              return { id, of: i + 1, uuid };
            }),
          );
        }
        const read = open().readFiles('all');
        const got = (await Array.fromAsync(read)).map(({ unit, reference }) => ({ unit, reference }));
        expect(got).toEqual(expected.sort(compareKeys));
        expect(read.summary()).toEqual({ rowsRead: 187, rowsExpected: 187, unlinkable: 0 });
      });

      it('delivers more than one part in order, and tells the count afterwards only', async () => {
        await createVsrx();
        const total = await manyFiles();
        const read = open().readFiles('all');
        expect(() => read.summary()).toThrow(expect.objectContaining({ code: 'source_incomplete' }));
        let last: SourceFile | null = null;
        let rows = 0;
        for await (const file of read) {
          if (last && compareKeys(last, file) >= 0) throw new Error('Not in order.');
          last = file;
          rows++;
          if (rows === 1) expect(() => read.summary()).toThrow(SyncError);
        }
        expect(rows).toBe(total);
        expect(read.summary()).toEqual({ rowsRead: total, rowsExpected: total, unlinkable: 0 });
      });

      it('puts two patient rows with one UUID into one unit', async () => {
        await createVsrx();
        await patient(1, ADA);
        await patient(2, ADA.toUpperCase());
        await files({ id: 1, of: 1, uuid: 'f-2' }, { id: 2, of: 2, uuid: 'f-1' });
        const got = await Array.fromAsync(open().readFiles('all'));
        expect(got.map((f) => [f.unit, f.reference])).toEqual([
          [ADA, 'f-1'],
          [ADA, 'f-2'],
        ]);
      });

      it('counts rows of patients without UUID instead of delivering them', async () => {
        await createVsrx();
        await patient(1, ADA);
        await patient(2, null);
        await patient(3, '');
        await patient(4, ' \t ');
        await files({ id: 1, of: 1 }, { id: 2, of: 2 }, { id: 3, of: 2 }, { id: 4, of: 3 }, { id: 5, of: 4 });
        const read = open().readFiles('all');
        expect((await Array.fromAsync(read)).map((f) => f.sourceId)).toEqual(['1']);
        expect(read.summary()).toEqual({ rowsRead: 1, rowsExpected: 1, unlinkable: 4 });
      });

      it('reads an empty source completely', async () => {
        await createVsrx();
        const read = open().readFiles('all');
        expect(await Array.fromAsync(read)).toEqual([]);
        expect(read.summary()).toEqual({ rowsRead: 0, rowsExpected: 0, unlinkable: 0 });
      });

      it('delivers flagged rows as deleted, and vanished rows not at all', async () => {
        await createVsrx({ deletedColumn: true });
        await patient(1, ADA);
        await files({ id: 1, of: 1 }, { id: 2, of: 1 }, { id: 3, of: 1 });
        await source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = 2');
        await source.execute('DELETE FROM ax_notes_attachments WHERE id = 3');
        const flagged = open({ mapping: { preset: 'vsrx', file: { deleted: 'deleted' } } });
        expect((await Array.fromAsync(flagged.readFiles('all'))).map((f) => [f.sourceId, f.deleted])).toEqual([
          ['1', false],
          ['2', true],
        ]);
      });

      it('changes the fingerprint with path, time and description, and with nothing else', async () => {
        await createVsrx({ deletedColumn: true });
        await patient(1, ADA);
        await files({ id: 1, of: 1, path: 'notes/a.pdf', at: '2024-01-15 09:30:00', description: 'a' });
        const db = open({ mapping: { preset: 'vsrx', file: { deleted: 'deleted' } } });
        const fingerprint = async () => (await Array.fromAsync(db.readFiles('all')))[0]!.fingerprint;
        const seen = [await fingerprint()];
        for (const change of [
          `file = 'notes/b.pdf'`,
          `datestamp = '2024-01-15 09:30:01'`,
          `description = NULL`,
          `description = ''`,
        ]) {
          await source.execute(`UPDATE ax_notes_attachments SET ${change}`);
          seen.push(await fingerprint());
        }
        expect(new Set(seen).size).toBe(5);
        await source.execute(`UPDATE ax_notes_attachments SET deleted = TRUE, user_id = 9, file_uuid = 'x'`);
        expect(await fingerprint()).toBe(seen.at(-1));
      });

      it('reads the wall clock of the source in its zone, also where the clock is changed', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files(
          { id: 1, of: 1, at: '2024-10-06 01:59:59' },
          // Did not exist in Sydney: the clock went from 2:00 to 3:00.
          { id: 2, of: 1, at: '2024-10-06 02:30:00' },
          // Existed twice: the first one counts.
          { id: 3, of: 1, at: '2024-04-07 02:30:00' },
          { id: 4, of: 1, at: '2024-04-07 03:00:00' },
        );
        const times = async (timeZone?: string) =>
          (await Array.fromAsync(open(timeZone ? { timeZone } : {}).readFiles('all'))).map((f) => f.uploadedAt);
        expect(await times()).toEqual([
          '2024-10-05T15:59:59.000Z',
          '2024-10-05T16:30:00.000Z',
          '2024-04-06T15:30:00.000Z',
          '2024-04-06T17:00:00.000Z',
        ]);
        expect(await times('UTC')).toContain('2024-10-06T02:30:00.000Z');
      });

      it('reads the generic schema, with instants where the column knows its zone', async () => {
        for (const sql of genericSchema(server.dialect)) await source.execute(sql);
        await source.execute(`INSERT INTO "Patient" ("id", "name") VALUES ('${ADA}', 'Ada Example')`);
        const [first, second] = ['aaaaaaaa-0000-4000-8000-000000000001', 'bbbbbbbb-0000-4000-8000-000000000002'];
        if (server.dialect === 'mysql') await source.execute(`SET time_zone = '+02:00'`);
        else await source.execute(`SET TimeZone = 'Europe/Athens'`);
        await source.execute(
          `INSERT INTO "Files" ("id", "path", "patientId", "deleted", "createdAt", "updatedAt") VALUES ` +
            `('${second}', 'notes/2.pdf', '${ADA}', TRUE, '2024-01-15 09:30:00', '2024-01-15 09:30:00'), ` +
            `('${first}', 'notes/1.pdf', '${ADA}', FALSE, '2024-01-15 09:30:00', '2024-01-15 09:30:00')`,
        );
        const db = open({ mapping: 'generic', timeZone: 'Australia/Sydney' });
        const got = await Array.fromAsync(db.readFiles(new Set([ADA])));
        expect(got).toEqual(await Array.fromAsync(db.readFiles('all')));
        expect(got.map((f) => [f.reference, f.deleted, f.uploadedAt, f.patientName])).toEqual([
          [first, false, '2024-01-15T07:30:00.000Z', 'Ada Example'],
          [second, true, '2024-01-15T07:30:00.000Z', 'Ada Example'],
        ]);
        expect(got[0]!.fingerprint).toBe('JUpFo2RwToM9rXBAnr7_5R');
        expect(
          await db.presence([storedReference(first), storedReference('id:5'), storedReference('no-uuid')]),
        ).toEqual(
          new Map([
            [first, { state: 'present', unit: ADA }],
            ['id:5', { state: 'absent' }],
            ['no-uuid', { state: 'absent' }],
          ]),
        );
      });

      it('refuses two files of one patient with the same reference', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files({ id: 1, of: 1, uuid: 'same' }, { id: 2, of: 1, uuid: 'SAME ' });
        const error = await failureOf(readAll(open()));
        expect(error.code).toBe('source_order');
        expect(error.detail).toMatch(/1 and 2|2 and 1/);
      });

      it('refuses a second use of the same read', async () => {
        await createVsrx();
        const read = open().readFiles('all');
        await Array.fromAsync(read);
        expect(() => read[Symbol.asyncIterator]()).toThrow(SyncError);
      });
    });

    describe('mappings of other schemas', () => {
      const own = {
        patient: { table: 'own_people', id: 'person_no', uuid: 'person_key' },
        file: { table: 'own_scans', id: 'scan_no', path: 'scan_path' },
        fileToPatient: [['own_scans.person_no', 'own_people.person_no'] as [string, string]],
        sourceTimeZone: 'UTC',
      };
      beforeEach(async () => {
        await source.execute('CREATE TABLE own_people (person_no bigint, person_key varchar(100))');
        await source.execute('CREATE TABLE own_scans (scan_no bigint, scan_path varchar(200), person_no bigint)');
      });

      it('keeps every digit of large numbers, without indexes or foreign keys', async () => {
        const big = [9007199254740992n, 9007199254740993n, 9223372036854775807n];
        for (const n of big) {
          await source.execute(`INSERT INTO own_people VALUES (${n}, 'p-${n}')`);
          await source.execute(`INSERT INTO own_scans VALUES (${n}, 'notes/${n}.pdf', ${n})`);
        }
        const db = open({ mapping: own });
        await db.check();
        const expected = big.map((n) => [`p-${n}`, `id:${n}`, `notes/${n}.pdf`]);
        const keys = async (read: FileRead) => (await Array.fromAsync(read)).map((f) => [f.unit, f.reference, f.path]);
        expect(await keys(db.readFiles('all'))).toEqual(expected);
        expect(await keys(db.readFiles(new Set([`p-${big[1]}`])))).toEqual([expected[1]]);
        expect(
          await db.presence([storedReference('id:9007199254740993'), storedReference('id:9007199254740994')]),
        ).toEqual(
          new Map([
            ['id:9007199254740993', { state: 'present', unit: 'p-9007199254740993' }],
            ['id:9007199254740994', { state: 'absent' }],
          ]),
        );
      });

      it('counts files that lead to no patient as unlinkable', async () => {
        await source.execute(`INSERT INTO own_people VALUES (1, 'p-1')`);
        await source.execute(`INSERT INTO own_scans VALUES (1, 'a', 1), (2, 'b', 99), (3, 'c', NULL)`);
        const read = open({ mapping: own }).readFiles('all');
        expect(await Array.fromAsync(read)).toHaveLength(1);
        expect(read.summary()).toEqual({ rowsRead: 1, rowsExpected: 1, unlinkable: 2 });
      });

      it('refuses a join that turns one file into several', async () => {
        await source.execute('CREATE TABLE own_visits (person_no bigint, scan_no bigint)');
        await source.execute(`INSERT INTO own_people VALUES (1, 'p-1'), (2, 'p-2')`);
        await source.execute(`INSERT INTO own_scans VALUES (1, 'a', 1)`);
        await source.execute(`INSERT INTO own_visits VALUES (1, 1), (2, 1)`);
        const fileToPatient: [string, string][] = [
          ['own_scans.scan_no', 'own_visits.scan_no'],
          ['own_visits.person_no', 'own_people.person_no'],
        ];
        expect((await failureOf(readAll(open({ mapping: { ...own, fileToPatient } })))).code).toBe('source_mapping');
      });

      it('refuses a patient key that is not unique', async () => {
        await source.execute(`INSERT INTO own_people VALUES (1, 'p-1'), (1, 'p-2')`);
        expect((await failureOf(readAll(open({ mapping: own })))).code).toBe('source_mapping');
      });

      it('reads names with capitals and words that SQL uses itself', async () => {
        await source.execute('CREATE TABLE "Order" ("Select" bigint, "From" varchar(100), "Where" bigint)');
        await source.execute(`INSERT INTO "Order" VALUES (5, 'notes/5.pdf', 1)`);
        await source.execute(`INSERT INTO own_people VALUES (1, 'p-1')`);
        const mapping = {
          ...own,
          file: { table: 'Order', id: 'Select', path: 'From' },
          fileToPatient: [['Order.Where', 'own_people.person_no'] as [string, string]],
        };
        const db = open({ mapping });
        await db.check();
        expect(await Array.fromAsync(db.readFiles('all'))).toMatchObject([{ reference: 'id:5', path: 'notes/5.pdf' }]);
      });
    });

    describe('selection', () => {
      it('reads just the wanted patients, however the source spells their UUID', async () => {
        await createVsrx();
        const mixed = 'AbCdEf00-0000-4000-8000-00000000F';
        await patient(1, ADA.toUpperCase());
        await patient(2, BEN);
        await patient(3, mixed);
        await patient(4, `  ${mixed} `);
        await patient(5, null);
        await files(...[1, 2, 3, 4, 5].map((n) => ({ id: n, of: n })));
        const ids = async (...units: string[]) => {
          const read = open().readFiles(new Set(units));
          const got = (await Array.fromAsync(read)).map((f) => f.sourceId);
          expect(read.summary()).toEqual({ rowsRead: got.length, rowsExpected: got.length, unlinkable: 0 });
          return got;
        };
        expect(await ids(ADA)).toEqual(['1']);
        expect(await ids(BEN, ADA)).toEqual(['1', '2']);
        expect(await ids(mixed.toLowerCase())).toEqual(['3', '4']);
        expect(await ids('99999999-0000-4000-8000-000000000000')).toEqual([]);
        expect(await ids()).toEqual([]);
      });

      it('reads a large selection in the same order', async () => {
        await createVsrx();
        const count = 1100;
        const uuid = (n: number) => `${String((n * 7919) % 100_003).padStart(8, '0')}-0000-4000-8000-000000000000`;
        const numbers = Array.from({ length: count }, (_, i) => i + 1);
        await source.execute(
          `INSERT INTO candidates (candidate_id, "silknotePatientUuid") VALUES ${numbers.map((n) => `(${n}, '${uuid(n)}')`)}`,
        );
        await source.execute(
          `INSERT INTO assessments (assessment_id, candidate_id) VALUES ${numbers.map((n) => `(${n}, ${n})`)}`,
        );
        await files(...numbers.map((n) => ({ id: n, of: n })));
        for (const size of [499, 700]) {
          const wanted = numbers.slice(0, size).map(uuid);
          const read = open().readFiles(new Set([...wanted, 'nobody']));
          expect((await Array.fromAsync(read)).map((f) => f.unit)).toEqual(wanted.sort());
          expect(read.summary()).toEqual({ rowsRead: size, rowsExpected: size, unlinkable: 0 });
        }
      });

      it('tells whom the source itself marks as activated', async () => {
        await createVsrx({ filesets: true });
        await source.execute(
          `INSERT INTO silknote_patient_filesets ("silknotePatientUuid", "silknoteUserUuid", "activatedUse") VALUES ` +
            `('${ADA.toUpperCase()}', '${OWNER}', TRUE), ('${BEN}', '${OWNER}', FALSE)`,
        );
        expect(await open().activatedPatients()).toEqual(new Set([ADA]));
      });

      it('refuses to tell activations where the source has no record of them', async () => {
        await createVsrx();
        expect((await failureOf(open().activatedPatients())).code).toBe('source_mapping');
      });
    });

    describe('one snapshot', () => {
      it.each(['COUNT(*)', 'description'])(
        'does not see what others change before its statement with %s',
        async (text) => {
          await createVsrx();
          await patient(1, ADA);
          await files({ id: 1, of: 1 }, { id: 2, of: 1 });
          const proxy = await startSqlProxy(source.url);
          const held = proxy.hold(text);
          const read = open({ url: proxy.url }).readFiles('all');
          const reading = Array.fromAsync(read);
          await held.arrived;
          await source.execute('DELETE FROM ax_notes_attachments WHERE id = 1');
          await files({ id: 3, of: 1 });
          await patient(2, BEN);
          await files({ id: 4, of: 2 });
          held.release();
          expect((await reading).map((f) => f.sourceId)).toEqual(['1', '2']);
          expect(read.summary()).toEqual({ rowsRead: 2, rowsExpected: 2, unlinkable: 0 });
          await proxy.stop();
          expect((await Array.fromAsync(open().readFiles('all'))).map((f) => f.sourceId)).toEqual(['2', '3', '4']);
        },
      );

      it('is not fooled by a table that is emptied while it is read', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files({ id: 1, of: 1 }, { id: 2, of: 1 });
        const proxy = await startSqlProxy(source.url);
        const held = proxy.hold('COUNT(*)');
        const read = open({ url: proxy.url }).readFiles('all');
        const reading = Array.fromAsync(read).then(
          (all) => all.length,
          (error) => error.code,
        );
        await held.arrived;
        // PostgreSQL makes the change wait for the read; MySQL and MariaDB let it happen and tell the reader.
        let done = false;
        const emptied = source.execute('TRUNCATE TABLE ax_notes_attachments').then(() => {
          done = true;
        });
        await vi.waitUntil(async () => done || (await source.isWaiting()), { timeout: 60_000 });
        expect(done).toBe(server.dialect === 'mysql');
        held.release();
        expect(await reading).toBe(server.dialect === 'mysql' ? 'source_changed_during_read' : 2);
        await emptied;
        await proxy.stop();
      });

      it('is complete although a consumer is slow and the schema is changed meanwhile', async () => {
        await createVsrx();
        const total = await manyFiles();
        const read = open().readFiles('all');
        let changed: Promise<unknown> = Promise.resolve();
        let rows = 0;
        for await (const _ of read) {
          rows++;
          if (rows !== 10) continue;
          changed = source.execute('ALTER TABLE ax_notes_attachments DROP COLUMN description');
          // The tables that a snapshot has read are safe from changes until it ends.
          await vi.waitUntil(() => source.isWaiting(), { timeout: 60_000 });
        }
        expect(rows).toBe(total);
        expect(read.summary()).toEqual({ rowsRead: total, rowsExpected: total, unlinkable: 0 });
        await changed;
      });
    });

    describe('stopping', () => {
      it('frees the connection when the consumer stops early', async () => {
        await createVsrx();
        await manyFiles();
        const db = open({ maxConnections: 1, connectTimeoutMs: 5000 });
        for (const stopAfter of [1, 100, 12_000]) {
          let rows = 0;
          const read = db.readFiles('all');
          for await (const _ of read) if (++rows === stopAfter) break;
          expect(() => read.summary()).toThrow(expect.objectContaining({ code: 'source_incomplete' }));
        }
        await vi.waitUntil(async () => (await source.connections()) === 0, { timeout: 60_000 });
        expect(await db.absentPatients([ADA])).toEqual(new Set([ADA]));
      });

      it('frees the connection when it is aborted midway, even if nobody reads on', async () => {
        await createVsrx();
        await manyFiles();
        const db = open({ maxConnections: 1, connectTimeoutMs: 5000 });
        const abort = new AbortController();
        const iterator = db.readFiles('all', abort.signal)[Symbol.asyncIterator]();
        await iterator.next();
        expect(await source.connections()).toBe(1);
        abort.abort();
        await vi.waitUntil(async () => (await source.connections()) === 0, { timeout: 60_000 });
        const error = await failureOf(
          (async () => {
            for (let i = 0; i < 900; i++) await iterator.next();
          })(),
        );
        expect(error.code).toBe('cancelled');
        expect(await db.absentPatients([])).toEqual(new Set());
        expect(await Array.fromAsync(db.readFiles(new Set()))).toEqual([]);
      });

      it.each(['abort', 'time limit'])('stops the statement that the server is working on: %s', async (how) => {
        await source.execute('CREATE TABLE own_people (person_no bigint, person_key varchar(100))');
        await source.execute('CREATE TABLE own_scans (scan_no bigint, person_no bigint)');
        await source.execute(`INSERT INTO own_people VALUES (1, 'p-1')`);
        await source.execute(`INSERT INTO own_scans VALUES (1, 1)`);
        // Longer than this waits for its end: it does not end by itself.
        const slow = server.dialect === 'mysql' ? 'SLEEP(3600) = 0' : `pg_sleep(3600)::text = ''`;
        await source.execute(`CREATE VIEW slow_scans AS SELECT scan_no, person_no FROM own_scans WHERE ${slow}`);
        const mapping = {
          patient: { table: 'own_people', id: 'person_no', uuid: 'person_key' },
          file: { table: 'slow_scans', id: 'scan_no', path: 'scan_no' },
          fileToPatient: [['slow_scans.person_no', 'own_people.person_no'] as [string, string]],
          sourceTimeZone: 'UTC',
        };
        const abort = new AbortController();
        const db = open({ mapping, ...(how === 'time limit' ? { queryTimeoutMs: 1000 } : {}) });
        const reading = failureOf(Array.fromAsync(db.readFiles('all', abort.signal)));
        // The other one may be over before anybody looks.
        if (how === 'abort') {
          await vi.waitUntil(() => source.isSleeping(), { timeout: 60_000 });
          abort.abort();
        }
        expect((await reading).code).toBe(how === 'abort' ? 'cancelled' : 'source_timeout');
        await vi.waitUntil(async () => (await source.connections()) === 0, { timeout: 60_000 });
      });

      it('does not begin when it is aborted already', async () => {
        await createVsrx();
        const signal = AbortSignal.abort();
        const db = open();
        expect((await failureOf(db.check(signal))).code).toBe('cancelled');
        expect((await failureOf(Array.fromAsync(db.readFiles('all', signal)))).code).toBe('cancelled');
        expect((await failureOf(db.presence([storedReference('id:1')], signal))).code).toBe('cancelled');
        expect((await failureOf(db.absentPatients([ADA], signal))).code).toBe('cancelled');
        expect((await failureOf(db.activatedPatients(signal))).code).toBe('cancelled');
      });

      it.each(['server', 'network'])(
        'fails, and never looks complete, when the %s ends the connection midway',
        async (who) => {
          await createVsrx();
          await manyFiles();
          const proxy = await startSqlProxy(source.url);
          const db = open({ url: proxy.url });
          const read = db.readFiles('all');
          const iterator = read[Symbol.asyncIterator]();
          await iterator.next();
          // The part after the next one is still to come.
          if (who === 'network') proxy.cut();
          else await source.endConnections();
          const error = await failureOf(
            (async () => {
              while (!(await iterator.next()).done);
            })(),
          );
          expect(error.code).toBe('source_unreachable');
          expect(() => read.summary()).toThrow(expect.objectContaining({ code: 'source_incomplete' }));
          // The next call connects again by itself.
          expect(await db.absentPatients([ADA])).toEqual(new Set([ADA]));
          await proxy.stop();
        },
      );

      it('closes once and for all', async () => {
        await createVsrx();
        const db = open();
        await db.check();
        await db.close();
        await db.close();
        await vi.waitUntil(async () => (await source.connections()) === 0, { timeout: 60_000 });
        expect(await failureOf(db.check())).toBeInstanceOf(SyncError);
      });
    });

    describe('presence', () => {
      const ask = async (db: EhrDatabase, ...references: string[]) =>
        Object.fromEntries(await db.presence(references.map(storedReference)));

      it('answers for every reference, in whatever spelling the source keeps it', async () => {
        await createVsrx({ deletedColumn: true });
        await patient(1, ADA.toUpperCase());
        await patient(2, null);
        await files(
          { id: 1, of: 1, uuid: 'lower-1' },
          { id: 2, of: 1, uuid: 'UPPER-2' },
          { id: 3, of: 1, uuid: 'MiXeD-3' },
          { id: 4, of: 1, uuid: ' \tBlank-4 ' },
          { id: 5, of: 1, uuid: null },
          { id: 6, of: 1, uuid: '' },
          { id: 7, of: 2, uuid: 'nobody-7' },
          { id: 8, of: 1, uuid: 'flagged-8' },
        );
        await source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = 8');
        const db = open({ mapping: { preset: 'vsrx', file: { deleted: 'deleted' } } });
        const present = { state: 'present', unit: ADA };
        expect(
          await ask(
            db,
            'lower-1',
            'upper-2',
            'mixed-3',
            'blank-4',
            'id:5',
            'id:6',
            'nobody-7',
            'flagged-8',
            'gone',
            'id:99',
          ),
        ).toEqual({
          'lower-1': present,
          'upper-2': present,
          'mixed-3': present,
          'blank-4': present,
          'id:5': present,
          'id:6': present,
          'nobody-7': { state: 'present', unit: null },
          'flagged-8': { state: 'deleted', unit: ADA },
          gone: { state: 'absent' },
          'id:99': { state: 'absent' },
        });
        // The row has a UUID now, so this reference is nobody's any more.
        expect(await ask(db, 'id:1')).toEqual({ 'id:1': { state: 'absent' } });
        expect(await ask(db)).toEqual({});
      });

      it('sees the present, not the snapshot of an earlier read', async () => {
        await createVsrx();
        await patient(1, ADA);
        await patient(2, BEN);
        await files({ id: 1, of: 1, uuid: 'f-1' });
        const db = open();
        const iterator = db.readFiles('all')[Symbol.asyncIterator]();
        await iterator.next();
        await source.execute('UPDATE ax_notes_attachments SET assessment_id = 2');
        expect(await ask(db, 'f-1')).toEqual({ 'f-1': { state: 'present', unit: BEN } });
        await source.execute('DELETE FROM ax_notes_attachments');
        expect(await ask(db, 'f-1')).toEqual({ 'f-1': { state: 'absent' } });
        await iterator.return?.();
      });

      it('names no unit when two patients have the same reference, and prefers a live row to a flagged one', async () => {
        await createVsrx({ deletedColumn: true });
        await patient(1, ADA);
        await patient(2, BEN);
        await files({ id: 1, of: 1, uuid: 'twice' }, { id: 2, of: 2, uuid: 'TWICE' });
        const db = open({ mapping: { preset: 'vsrx', file: { deleted: 'deleted' } } });
        expect(await ask(db, 'twice')).toEqual({ twice: { state: 'present', unit: null } });
        await source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id = 1');
        expect(await ask(db, 'twice')).toEqual({ twice: { state: 'present', unit: BEN } });
      });

      it('answers for many at once', async () => {
        await createVsrx();
        await patient(1, ADA);
        await files(
          ...Array.from({ length: 1200 }, (_, i) => ({ id: i + 1, of: 1, uuid: i % 2 ? `F-${i + 1}` : null })),
        );
        const references = Array.from({ length: 1300 }, (_, i) => (i % 2 ? `f-${i + 1}` : `id:${i + 1}`));
        const answers = Object.values(await ask(open(), ...references));
        expect(answers.filter((a) => a.state === 'present')).toHaveLength(1200);
        expect(answers.filter((a) => a.state === 'absent')).toHaveLength(100);
      });
    });

    describe('patients', () => {
      const all = async (db: EhrDatabase) => {
        const parts: SourcePatient[][] = [];
        for (let after: string | null = null; ; ) {
          const part: SourcePatients = await db.patients(after);
          parts.push([...part.patients]);
          if (part.next === null) return parts;
          after = part.next;
        }
      };

      it('gives whoever has a UUID, with or without files', async () => {
        await createVsrx();
        await source.execute(`ALTER TABLE candidates ADD COLUMN full_name varchar(100)`);
        await patient(1, ADA.toUpperCase());
        await patient(2, ' \tSpaced-2 ');
        await patient(3, null);
        await patient(4, '  ');
        await patient(5, ADA);
        await source.execute(`ALTER TABLE candidates ADD COLUMN born date`);
        await source.execute(`ALTER TABLE candidates ADD COLUMN sex varchar(60)`);
        await source.execute(
          `UPDATE candidates SET full_name = 'Ada Example 𝒜', born = '1961-05-04', sex = ' Other ' WHERE candidate_id = 1`,
        );
        await source.execute('UPDATE candidates SET staff_id = NULL WHERE candidate_id = 2');
        await files({ id: 7, of: 1 });
        const db = open({
          mapping: { preset: 'vsrx', patient: { name: 'full_name', birthDate: 'born', gender: 'sex' } },
        });
        await db.check();
        const nothing = { patientName: null, dateOfBirth: null, gender: null };
        expect(await all(db)).toEqual([
          [
            { unit: ADA, ownerUuid: OWNER, patientName: 'Ada Example 𝒜', dateOfBirth: '04/05/1961', gender: 'Other' },
            { unit: 'spaced-2', ownerUuid: null, ...nothing },
            { unit: ADA, ownerUuid: OWNER, ...nothing },
          ],
        ]);
        // What the mapping does not name is not read.
        expect((await open().patients(null)).patients[0]).toEqual({ unit: ADA, ownerUuid: OWNER, ...nothing });
      });

      it('gives nobody where there is nobody, also without owners', async () => {
        for (const sql of genericSchema(server.dialect)) await source.execute(sql);
        expect(await open({ mapping: 'generic' }).patients(null)).toEqual({ patients: [], next: null });
      });

      it.each(['bigint', 'varchar(40)'])('gives many in parts, everybody once, ids of type %s', async (type) => {
        const count = 41_000;
        await source.execute(`CREATE TABLE own_people (person_no ${type} PRIMARY KEY, person_key varchar(100))`);
        await source.execute('CREATE TABLE own_scans (scan_no bigint, person_no bigint)');
        const numbers = Array.from({ length: count }, (_, i) => i - 3);
        const values = numbers.map((n) => `(${type === 'bigint' ? n : `'${n % 2 ? 'a' : 'B'}-${n}'`}, 'p${n}')`);
        await source.execute(`INSERT INTO own_people VALUES ${values}`);
        const mapping = {
          patient: { table: 'own_people', id: 'person_no', uuid: 'person_key' },
          file: { table: 'own_scans', id: 'scan_no', path: 'scan_no' },
          fileToPatient: [['own_scans.person_no', 'own_people.person_no'] as [string, string]],
          sourceTimeZone: 'UTC',
        };
        const parts = await all(open({ mapping }));
        expect(parts.length).toBeGreaterThan(1);
        const units = parts.flat().map(({ unit }) => unit);
        expect(units).toHaveLength(count);
        expect(new Set(units)).toEqual(new Set(numbers.map((n) => `p${n}`)));
      });

      it('tells what the source says when it cannot be read', async () => {
        await createVsrx();
        expect((await failureOf(open().patients(null, AbortSignal.abort()))).code).toBe('cancelled');
        const mapping = { preset: 'vsrx' as const, patient: { name: 'full_name' } };
        expect((await failureOf(open({ mapping }).patients(null))).code).toBe('source_mapping');
      });
    });

    describe('absentPatients', () => {
      it('names the units without a patient row, in whatever spelling the source keeps them', async () => {
        await createVsrx();
        await patient(1, ADA.toUpperCase());
        await patient(2, ' \tSpaced-2 ');
        await patient(3, 'MiXeD-3');
        const db = open();
        expect(await db.absentPatients([ADA, 'spaced-2', 'mixed-3', 'gone'])).toEqual(new Set(['gone']));
        await source.execute('DELETE FROM assessments');
        await source.execute('DELETE FROM candidates WHERE candidate_id = 1');
        expect(await db.absentPatients([ADA, 'spaced-2'])).toEqual(new Set([ADA]));
        const many = Array.from({ length: 600 }, (_, i) => `gone-${i}`);
        expect(await db.absentPatients([...many, 'spaced-2'])).toEqual(new Set(many));
      });
    });
  });
}

async function readAll(db: EhrDatabase): Promise<SourceFile[]> {
  return Array.fromAsync(db.readFiles('all'));
}

async function failureOf(work: Promise<unknown>): Promise<SyncError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SyncError)) throw new Error('Expected a SyncError.', { cause: error });
  return error;
}

function literal(text: string | null | undefined): string {
  return text === null || text === undefined ? 'NULL' : `'${text.replaceAll("'", "''")}'`;
}
