/** The limit of requests to one outside user, shared by processes through PostgreSQL. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/stores/postgres/database.ts';
import { createOutboundLimit } from '../../src/stores/postgres/outbound-limit.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

let records: TestDatabase;
let databases: Database[];
beforeAll(async () => {
  records = await testDatabase();
  databases = [1, 2, 3].map(() => openDatabase({ url: records.url, poolSize: 4 }));
});
afterAll(async () => {
  for (const database of databases) await database.close();
  await records.drop();
});

const RULE = { requests: 20, windowMs: 60_000, reserved: 4 };

test('several processes together get exactly as many as there are', async () => {
  const limits = databases.map(createOutboundLimit);
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => limits[i % 3]!.take('exact', RULE, true)));
  expect(answers.filter((wait) => wait === 0)).toHaveLength(20);
  for (const wait of answers) expect(wait).toBeLessThanOrEqual(5000);
});

test('the reserved share is for urgent requests', async () => {
  const limit = createOutboundLimit(databases[0]!);
  const ask = (urgent: boolean) => limit.take('reserved', RULE, urgent);
  const scheduled = [];
  for (let i = 0; i < 20; i++) scheduled.push(await ask(false));
  expect(scheduled.filter((wait) => wait === 0)).toHaveLength(16);
  const urgent = [];
  for (let i = 0; i < 6; i++) urgent.push(await ask(true));
  expect(urgent.filter((wait) => wait === 0)).toHaveLength(4);
});

/** By the clock that decides. */
async function lastSent(key: string): Promise<number> {
  const { rows } = await databases[0]!.pool.query<{ at: number }>(
    'SELECT sent[cardinality(sent)]::float8 AS at FROM outbound_limits WHERE key = $1',
    [key],
  );
  return rows[0]!.at;
}

test('the window slides: after it as many again, never more in any window', async () => {
  const limit = createOutboundLimit(databases[0]!);
  const rule = { requests: 5, windowMs: 400, reserved: 0 };
  const sent: number[] = [];
  while (sent.length < 15) {
    const wait = await limit.take('sliding', rule, true);
    if (wait === 0) sent.push(await lastSent('sliding'));
    else await new Promise((resolve) => setTimeout(resolve, wait));
  }
  for (let i = 5; i < sent.length; i++) expect(sent[i]! - sent[i - 5]!).toBeGreaterThanOrEqual(rule.windowMs);
});

test('a block holds for everybody, and another user is not concerned', async () => {
  const [one, other] = databases.map(createOutboundLimit);
  await one!.block('blocked', 60_000);
  expect(await other!.take('blocked', RULE, true)).toBeGreaterThan(1000);
  expect(await other!.take('free', RULE, true)).toBe(0);
});
