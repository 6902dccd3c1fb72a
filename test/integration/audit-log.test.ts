/** The audit log on PostgreSQL: one chain whatever happens, and nothing can be taken from it unnoticed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AuditEntry, CHAIN_START } from '../../src/domain/audit-entry.ts';
import type { AuditLog } from '../../src/ports/audit-log.ts';
import { createAuditLog } from '../../src/stores/postgres/audit-log.ts';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let testing: TestDatabase;
let database: Database;
let log: AuditLog;

beforeEach(async () => {
  testing = await testDatabase();
  database = openDatabase({ url: testing.url });
  log = createAuditLog(database);
});
afterEach(async () => {
  await database.close();
  await testing.drop();
});

function entry(number: number, organizationId: string | null = 'org_a'): AuditEntry {
  return {
    organizationId,
    actor: { kind: 'key', id: `key${number % 3}` },
    action: 'document.read',
    subject: { kind: 'document', id: `document-${number}` },
    result: number % 5 === 0 ? 'refused' : 'ok',
    requestId: null,
    details: { number, z: 'ä€😀"\\', a: null, longer: true },
  };
}

async function append(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(entry(i + 1))));
}

async function problems(anchor?: { id: number; hash: string }) {
  return (await log.verify(anchor === undefined ? {} : { anchor })).problems;
}

/** What somebody with the owner's rights in the database can do. */
async function tamper(...statements: string[]): Promise<void> {
  await database.pool.query('ALTER TABLE audit_log DISABLE TRIGGER USER; ALTER TABLE audit_chain DISABLE TRIGGER USER');
  for (const statement of statements) await database.pool.query(statement);
}

describe('appending', () => {
  test('makes one chain of what several processes write at the same time', async () => {
    const others = [openDatabase({ url: testing.url }), openDatabase({ url: testing.url })];
    const logs = [log, ...others.map(createAuditLog)];
    await Promise.all(Array.from({ length: 300 }, (_, i) => logs[i % 3]?.append(entry(i))));
    for (const other of others) await other.close();
    const records = await Array.fromAsync(log.read({}));
    expect(records.map((record) => record.id)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(records[0]?.previousHash).toBe(CHAIN_START);
    expect(new Set(records.map((record) => record.details.number)).size).toBe(300);
    expect(records.map((record) => record.at)).toEqual(records.map((record) => record.at).sort());
    const end = records.at(-1)!;
    expect(await log.verify()).toEqual({ entries: 300, end: { id: 300, hash: end.hash }, problems: [] });
  });

  test('that fails is told, and the log goes on', async () => {
    await expect(log.append({ ...entry(1), result: 'else' as 'ok' })).rejects.toMatchObject({ code: 'unexpected' });
    await log.append(entry(2));
    expect(await log.verify()).toMatchObject({ entries: 1, problems: [] });
  });

  test('is all that the database lets happen', async () => {
    await append(3);
    for (const statement of [
      `UPDATE audit_log SET result = 'ok'`,
      'DELETE FROM audit_log WHERE id = 3',
      'TRUNCATE audit_log',
      'UPDATE audit_chain SET last_id = 2',
      'DELETE FROM audit_chain',
      'TRUNCATE audit_chain',
    ]) {
      await expect(database.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
    expect(await log.verify()).toMatchObject({ entries: 3, problems: [] });
  });
});

describe('reading', () => {
  test('shows an organisation its own entries only, newest first, page by page', async () => {
    for (let i = 1; i <= 6; i++) await log.append(entry(i, i % 2 === 0 ? 'org_a' : 'org_b'));
    await log.append(entry(7, null));
    const first = await log.page('org_a', 2);
    expect(first.map((record) => record.id)).toEqual([6, 4]);
    expect((await log.page('org_a', 2, 4)).map((record) => record.id)).toEqual([2]);
    expect(first[0]).toMatchObject({ ...entry(6, 'org_a') });
    expect((await Array.fromAsync(log.read({ organizationId: 'org_b' }))).map((record) => record.id)).toEqual([
      1, 3, 5,
    ]);
    expect(await Array.fromAsync(log.read({ since: Date.now() + 60_000 }))).toEqual([]);
    expect(await Array.fromAsync(log.read({ until: Date.now() + 60_000 }))).toHaveLength(7);
  });

  test('can be given up', async () => {
    await append(5);
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of log.read({}, stop.signal)) stop.abort();
      for await (const _ of log.read({}, stop.signal)) throw new Error('went on');
    })();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('verify finds', () => {
  test.each([
    ['another actor', `UPDATE audit_log SET actor_id = 'somebody' WHERE id = 4`, [{ kind: 'changed', id: 4 }]],
    ['another organisation', `UPDATE audit_log SET organization_id = NULL WHERE id = 4`, [{ kind: 'changed', id: 4 }]],
    ['another time', `UPDATE audit_log SET at = at - interval '1 ms' WHERE id = 4`, [{ kind: 'changed', id: 4 }]],
    ['another result', `UPDATE audit_log SET result = 'refused' WHERE id = 4`, [{ kind: 'changed', id: 4 }]],
    ['other details', `UPDATE audit_log SET details = details - 'a' WHERE id = 4`, [{ kind: 'changed', id: 4 }]],
    [
      'a removed entry',
      'DELETE FROM audit_log WHERE id = 4',
      [
        { kind: 'missing', id: 4 },
        { kind: 'unlinked', id: 5 },
      ],
    ],
    ['a removed end', 'DELETE FROM audit_log WHERE id = 8', [{ kind: 'end', id: 8 }]],
    [
      'a removed beginning',
      'DELETE FROM audit_log WHERE id <= 2',
      [
        { kind: 'missing', id: 1 },
        { kind: 'unlinked', id: 3 },
      ],
    ],
    [
      'two entries in each other’s place',
      'UPDATE audit_log SET id = 99 WHERE id = 4; UPDATE audit_log SET id = 4 WHERE id = 6; UPDATE audit_log SET id = 6 WHERE id = 99',
      [
        { kind: 'changed', id: 4 },
        { kind: 'unlinked', id: 5 },
        { kind: 'changed', id: 6 },
        { kind: 'unlinked', id: 7 },
      ],
    ],
    [
      'a removed beginning that pretends to be purged',
      `UPDATE audit_chain SET purged_id = 2, purged_hash = (SELECT hash FROM audit_log WHERE id = 2);
       DELETE FROM audit_log WHERE id <= 2`,
      [{ kind: 'beginning', id: 2 }],
    ],
    ['everything gone', 'DELETE FROM audit_log', [{ kind: 'end', id: 1 }]],
  ])('%s', async (_name, statement, expected) => {
    await append(8);
    await tamper(statement);
    expect(await problems()).toEqual(expected);
  });

  test('a chain that was written anew, by an end that was noted before', async () => {
    await append(3);
    const noted = (await log.verify()).end;
    await append(2);
    expect(await problems(noted)).toEqual([]);
    await tamper(
      'DELETE FROM audit_log',
      `UPDATE audit_chain SET last_id = 0, last_hash = '${CHAIN_START}'`,
      'ALTER TABLE audit_log ENABLE TRIGGER USER',
    );
    for (let i = 1; i <= 5; i++) await log.append(entry(i));
    expect(await problems()).toEqual([]);
    expect(await problems(noted)).toEqual([{ kind: 'end', id: 3 }]);
  });
});

describe('purge', () => {
  test('removes the oldest, says so, and leaves a chain that verifies', async () => {
    await append(5);
    // Not distinguishable by a clock of milliseconds otherwise.
    await database.pool.query('SELECT pg_sleep(0.005)');
    const { rows } = await database.pool.query<{ now: Date }>(
      `SELECT date_trunc('milliseconds', clock_timestamp()) AS now`,
    );
    const border = rows[0]!.now.getTime();
    await append(3);
    expect(await log.purge(border)).toBe(5);
    const records = await Array.fromAsync(log.read({}));
    expect(records.map((record) => record.id)).toEqual([6, 7, 8, 9]);
    expect(records.at(-1)).toMatchObject({ action: 'audit.purge', details: { through: 5, removed: 5 } });
    expect(await problems()).toEqual([]);
    expect(await log.purge(border)).toBe(0);
    await append(1);
    expect(await log.purge(Date.now() + 60_000)).toBe(5);
    expect(await log.verify()).toMatchObject({ entries: 1, problems: [] });
    expect(await log.purge(0)).toBe(0);
  });
});

test('a hundred thousand entries are verified in constant memory', async () => {
  for (let i = 0; i < 100; i++) await append(1000);
  // What nobody holds any more does not count: when it goes is up to the machine.
  const held = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = held();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, held() - before);
  }, 20);
  const started = performance.now();
  const verdict = await log.verify();
  clearInterval(watch);
  expect(verdict).toMatchObject({ entries: 100_000, problems: [] });
  console.info(`verified in ${Math.round(performance.now() - started)} ms, at most ${Math.round(most / 1e6)} MB more`);
  // All entries together are some 60 MB of text and several times that as objects.
  expect(most).toBeLessThan(120e6);
});
