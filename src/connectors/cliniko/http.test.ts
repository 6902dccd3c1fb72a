import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttp } from './http.ts';

/** Waits cost nothing here. */
let now = Date.parse('2026-03-03T12:00:00Z');
let refusedUntil = 0;
let headers: Record<string, string> = {};
let asked = 0;

const server = createServer((_, response) => {
  asked++;
  const refused = now < refusedUntil;
  // Its clock is not ours.
  response.sendDate = false;
  response.writeHead(refused ? 429 : 200, refused ? headers : {});
  response.end(refused ? '' : '{"id":"1"}');
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const http = createHttp({
  userAgent: 'Test (it@clinic.example)',
  timeoutMs: 5000,
  attempts: 3,
  retryDelayMs: 1,
  requestsPerMinute: 200,
  limit: { take: async () => 0, block: async () => undefined },
  clock: {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  },
  random: { next: () => 0, uuid: () => '' },
});

test.each([
  ['no header', {}, 20],
  ['a reset that is past by its clock', { 'x-ratelimit-reset': '1772539100' }, 20],
  ['a reset', { 'x-ratelimit-reset': String(Date.parse('2026-03-03T12:01:00Z') / 1000) }, 3],
  ['seconds', { 'retry-after': '60' }, 3],
])('a refused minute is outlasted: %s', async (_name, given, most) => {
  now = Date.parse('2026-03-03T12:00:00Z');
  refusedUntil = now + 60_000;
  asked = 0;
  headers = given;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/user`;
  const context = { signal: new AbortController().signal, urgent: true };
  expect((await http.get(url, 'Basic eA==', 'key', context)).body).toEqual({ id: '1' });
  expect(asked).toBeLessThanOrEqual(most);
  // And not slept through for long.
  expect(now - refusedUntil).toBeLessThan(70_000);
});
