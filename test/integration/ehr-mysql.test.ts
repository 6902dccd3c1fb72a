/** The EHR database contract on a real MariaDB, and what only MySQL and MariaDB can do to a reader. */
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vsrxSchema } from '../../simulators/vsrx/schema.ts';
import { createEhrDatabase } from '../../src/connectors/vsrx/database.ts';
import { describeEhrDatabase, type EhrServerDatabase } from '../contract/ehr-database.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb.ts';

let databases = 0;

describeEhrDatabase('MariaDB', async () => {
  const server = await startMariadb();
  return { dialect: 'mysql', createDatabase: () => createDatabase(server), stop: () => server.stop() };
});

async function createDatabase(server: MariadbServer): Promise<EhrServerDatabase> {
  const name = `ehr_${++databases}`;
  const url = await server.createDatabase(name);
  const admin = await server.admin(name);
  await admin.query(`SET sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'`);
  const execute = async (sql: string) => (await admin.query(sql))[0] as Record<string, unknown>[];
  // While the administrator's statement waits, somebody else has to look.
  const observer = await server.admin();
  const all = `FROM information_schema.PROCESSLIST WHERE DB = '${name}'`;
  const others = `${all} AND ID <> ${admin.threadId}`;
  const count = async (from: string) => {
    const [rows] = await observer.query(`SELECT COUNT(*) AS n ${from}`);
    return Number((rows as { n: number }[])[0]!.n);
  };
  const users: string[] = [];
  return {
    url,
    execute,
    async userFor(tables) {
      const user = `reader_${databases}_${users.length}`;
      users.push(user);
      await execute(`CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY 'reader'`);
      for (const table of tables) await execute(`GRANT SELECT ON ${name}.${table} TO '${user}'@'127.0.0.1'`);
      return server.url(name, user, 'reader');
    },
    connections: () => count(others),
    isSleeping: async () => (await count(`${others} AND STATE = 'User sleep'`)) > 0,
    isWaiting: async () => (await count(`${all} AND STATE LIKE 'Waiting for table%'`)) > 0,
    async endConnections() {
      for (const { ID } of await execute(`SELECT ID ${others}`)) await execute(`KILL ${ID}`);
    },
    async drop() {
      for (const user of users) await execute(`DROP USER '${user}'@'127.0.0.1'`);
      await execute(`DROP DATABASE ${name}`);
      admin.destroy();
      observer.destroy();
    },
  };
}

describe('MySQL and MariaDB only', () => {
  let server: MariadbServer;
  beforeAll(async () => {
    server = await startMariadb();
  });
  afterAll(() => server?.stop());

  async function vsrx(): Promise<{ url: string; admin: mysql.Connection }> {
    const name = `only_${++databases}`;
    const url = await server.createDatabase(name);
    const admin = await server.admin(name);
    for (const sql of vsrxSchema('mysql')) await admin.query(sql);
    await admin.query(`INSERT INTO candidates (candidate_id, silknotePatientUuid) VALUES (1, 'p-1')`);
    await admin.query('INSERT INTO assessments (assessment_id, candidate_id) VALUES (1, 1)');
    return { url, admin };
  }

  it('reads zero and impossible dates as no date', async () => {
    const { url, admin } = await vsrx();
    await admin.query(`SET sql_mode = 'ALLOW_INVALID_DATES'`);
    const dates = ['0000-00-00 00:00:00', '2024-00-00 00:00:00', '2024-02-31 10:00:00'];
    for (const date of dates) {
      await admin.query('INSERT INTO ax_notes_attachments (assessment_id, datestamp, file) VALUES (1, ?, ?)', [
        date,
        'notes/a',
      ]);
    }
    const db = createEhrDatabase({ url, mapping: 'vsrx' });
    const files = await Array.fromAsync(db.readFiles('all'));
    expect(files.map((f) => f.uploadedAt)).toEqual([null, null, null]);
    expect(new Set(files.map((f) => f.fingerprint)).size).toBe(3);
    await db.close();
  });

  it('reads text of an older character set, and a flag of type BIT', async () => {
    const { url, admin } = await vsrx();
    await admin.query('ALTER TABLE ax_notes_attachments ADD COLUMN gone BIT(1) NOT NULL DEFAULT 0');
    await admin.query('ALTER TABLE ax_notes_attachments MODIFY description VARCHAR(255) CHARACTER SET latin1');
    await admin.query(
      `INSERT INTO ax_notes_attachments (assessment_id, file, description, gone) VALUES (1, 'notes/a', 'Röntgen', 1), (1, 'notes/b', 'Größe', 0)`,
    );
    const db = createEhrDatabase({ url, mapping: { preset: 'vsrx', file: { deleted: 'gone' } } });
    const files = await Array.fromAsync(db.readFiles('all'));
    expect(files.map((f) => [f.description, f.deleted])).toEqual([
      ['Röntgen', true],
      ['Größe', false],
    ]);
    await db.close();
  });

  it('refuses a table that cannot be read consistently', async () => {
    const { url, admin } = await vsrx();
    await admin.query('ALTER TABLE ax_notes_attachments DROP FOREIGN KEY fk_attachments_assessment');
    await admin.query('ALTER TABLE ax_notes_attachments ENGINE = MyISAM');
    const db = createEhrDatabase({ url, mapping: 'vsrx' });
    await expect(db.check()).rejects.toMatchObject({
      code: 'source_mapping',
      detail: expect.stringContaining('ax_notes_attachments has the engine myisam'),
    });
    await db.close();
  });

  it('compares column names without regard to case, and table names with it', async () => {
    const { url } = await vsrx();
    const columns = createEhrDatabase({ url, mapping: { preset: 'vsrx', patient: { uuid: 'SILKNOTEPATIENTUUID' } } });
    await columns.check();
    await columns.close();
    const tables = createEhrDatabase({ url, mapping: { preset: 'vsrx', owner: { table: 'Staff' } } });
    await expect(tables.check()).rejects.toMatchObject({ code: 'source_mapping', detail: 'Missing: table Staff.' });
    await tables.close();
  });

  it('is not led astray by the sql_mode and time limits of the server', async () => {
    const { url, admin } = await vsrx();
    await admin.query(`INSERT INTO ax_notes_attachments (assessment_id, file) VALUES (1, 'notes/a')`);
    await admin.query(`SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'`);
    await admin.query('SET GLOBAL wait_timeout = 1, GLOBAL idle_readonly_transaction_timeout = 1');
    const db = createEhrDatabase({ url, mapping: 'vsrx' });
    const iterator = db.readFiles(new Set(['p-1', String.raw`\' OR 1=1 -- `]))[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ unit: 'p-1' });
    // A connection that began to be idle later, and that the server has ended by its limits.
    const canary = await mysql.createConnection(url);
    const ended = Promise.withResolvers<void>();
    canary.on('error', () => ended.resolve());
    canary.on('end', () => ended.resolve());
    await canary.query('START TRANSACTION READ ONLY');
    await ended.promise;
    expect((await iterator.next()).done).toBe(true);
    await db.close();
  });

  it('regards neither case where the server does not', async () => {
    const folding = await startMariadb({ serverArguments: ['--lower-case-table-names=1'] });
    try {
      const url = await folding.createDatabase('folded');
      const admin = await folding.admin('folded');
      for (const sql of vsrxSchema('mysql')) await admin.query(sql);
      const db = createEhrDatabase({ url, mapping: { preset: 'vsrx', owner: { table: 'STAFF' } } });
      await db.check();
      await db.close();
    } finally {
      await folding.stop();
    }
  });

  it('fails, and recovers nothing by itself, when the server dies midway', async () => {
    const dying = await startMariadb();
    try {
      const url = await dying.createDatabase('dying');
      const admin = await dying.admin('dying');
      for (const sql of vsrxSchema('mysql')) await admin.query(sql);
      await admin.query(
        `INSERT INTO candidates (candidate_id, silknotePatientUuid) SELECT seq, CONCAT('p-', seq) FROM seq_1_to_40`,
      );
      await admin.query('INSERT INTO assessments (assessment_id, candidate_id) SELECT seq, seq FROM seq_1_to_40');
      await admin.query(
        `INSERT INTO ax_notes_attachments (assessment_id, file) SELECT 1 + seq % 40, CONCAT('notes/', seq) FROM seq_1_to_40000`,
      );
      const db = createEhrDatabase({ url, mapping: 'vsrx' });
      const read = db.readFiles('all');
      const iterator = read[Symbol.asyncIterator]();
      await iterator.next();
      await dying.kill();
      await expect(
        (async () => {
          while (!(await iterator.next()).done);
        })(),
      ).rejects.toMatchObject({ code: 'source_unreachable' });
      expect(() => read.summary()).toThrow(expect.objectContaining({ code: 'source_incomplete' }));
      await expect(db.check()).rejects.toMatchObject({ code: 'source_unreachable' });
      await db.close();
    } finally {
      await dying.stop();
    }
  });
});
