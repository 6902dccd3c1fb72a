/** Connections to the record database that are gone without a word: nobody has to start anything again. */
import { expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { streamRows } from '../../src/stores/postgres/stream-rows.ts';
import { testDatabase } from '../support/postgres.ts';
import { setUpPractice } from '../support/practice-setup.ts';
import { startSqlProxy } from '../support/sql-proxy.ts';
import { until } from '../support/until.ts';

const LONG_MS = 180_000;
const ANSWERED_MS = 45_000;

test('requests are answered, and the service works on with new ones', { timeout: LONG_MS }, async () => {
  const setup = await setUpPractice({ patients: 2, attachments: 6 });
  const proxy = await startSqlProxy(setup.environment.DATABASE_URL);
  let server: RunningServer | undefined;
  try {
    server = await serve({
      config: setup.config,
      database: { url: proxy.url, urlOf: () => null, close: async () => undefined },
    });
    const { url, adminKey } = server;
    const ask = async (method: string, path: string) => {
      const begun = performance.now();
      const answer = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${adminKey}` } });
      await answer.arrayBuffer();
      return { status: answer.status, ms: performance.now() - begun };
    };
    expect((await ask('POST', '/api/sync/vsrx?wait=true')).status).toBe(200);
    // More than one member of the pool.
    await Promise.all(Array.from({ length: 6 }, () => ask('GET', '/api/v1/connections')));

    proxy.lose();
    const asked = await Promise.all(Array.from({ length: 3 }, () => ask('GET', '/api/v1/connections')));
    for (const { status, ms } of asked) {
      expect([200, 503]).toContain(status);
      expect(ms).toBeLessThan(ANSWERED_MS);
    }
    await until(async () => (await ask('GET', '/ready')).status === 200, LONG_MS);
    await until(async () => (await ask('GET', '/api/v1/connections')).status === 200, LONG_MS);
    await until(async () => (await ask('POST', '/api/sync/vsrx?wait=true')).status === 200, LONG_MS);
  } finally {
    proxy.cut();
    await server?.stop();
    await proxy.stop();
    await setup.close();
  }
});

test('what only takes long is left alone, and so is who reads slowly', { timeout: LONG_MS }, async () => {
  const testing = await testDatabase();
  const proxy = await startSqlProxy(testing.url);
  const database = openDatabase({ url: proxy.url, poolSize: 3 });
  try {
    const lost = await database.pool.connect();
    await lost.query('SELECT 1');
    proxy.lose();
    const silent = expect(lost.query('SELECT 2')).rejects.toThrow();
    const slow = database.pool.query('SELECT pg_sleep(35)');
    let rows = 0;
    for await (const part of streamRows(database, 'SELECT generate_series(1, 3500)', [], undefined)) {
      // Its server waits for the next question all the time.
      if (rows === 0) await silent;
      rows += part.length;
    }
    expect(rows).toBe(3500);
    await slow;
    lost.release(true);
  } finally {
    await database.close();
    await proxy.stop();
    await testing.drop();
  }
});
