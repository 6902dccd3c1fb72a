/**
 * Everything that the description of the interface offers, asked in every wrong way: never an error of ours, never a stack
 * trace, never a byte of another organisation. New routes are met without being listed here.
 */
import { readFile, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { type Described, describedPaths } from '../support/description.ts';
import { ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const OTHER = 'org_zq_canary';
const CASES = 60;

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { name: string; in: string }[];
  readonly body: { readonly properties?: Record<string, unknown> } | null;
  readonly needsKey: boolean;
  readonly responses: Described['responses'];
}

let setup: PracticeSetup;
let server: RunningServer;
let key: string;
let operations: Operation[];
/** Ids of things of the other organisation. */
let foreign: string[];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 3, attachments: 15 });
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations.push({
    id: OTHER,
    name: 'Zq canary practice',
    timeZone: 'UTC',
    connections: [{ ...connection, id: 'zq-canary-connection' }],
  });
  const none = 'none';
  file.auth = {
    rateLimits: {
      requestsPerAddress: none,
      requestsPerKey: none,
      syncStartsPerKey: none,
      failedAuthenticationsPerAddress: none,
    },
  };
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  const config = await loadConfig({
    env: { ...setup.environment, CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') },
    cwd: setup.folder,
  });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config, database });
  const admin = async (method: string, path: string, organization: string, body?: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'x-organization-id': organization,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
    return (await response.json()) as any;
  };
  for (const organization of [ORGANIZATION, OTHER]) await admin('POST', '/api/sync/vsrx?wait=true', organization);
  key = (await admin('POST', '/api/v1/keys', ORGANIZATION, { name: 'fuzz', role: 'administrator' })).secret;
  const theirKey = (await admin('POST', '/api/v1/keys', OTHER, { name: 'zq-canary-key', role: 'viewer' })).key.id;
  const [theirRun] = (await admin('GET', `/api/v1/sync/history/${OTHER}`, OTHER)).recent_syncs;
  const failures = (await admin('GET', '/api/v1/failures', OTHER)).failures;
  foreign = [
    OTHER,
    'zq-canary-connection',
    theirKey,
    theirRun.sync_id,
    ...failures.slice(0, 2).map((f: { id: string }) => f.id),
  ];
  for await (const document of setup.connection.ports.records.storedDocuments({
    organizationId: OTHER,
    connectionId: 'zq-canary-connection',
  })) {
    foreign.push(document.documentUuid);
    break;
  }
  const paths = describedPaths(await (await fetch(`${server.url}/openapi.json`)).json());
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json']?.schema ?? null,
      needsKey: operation.security?.length !== 0,
      responses: operation.responses,
    })),
  );
});

afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

const odd = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '0',
    '-1',
    '1e99',
    'null',
    'true',
    '..',
    '../../etc/passwd',
    '%',
    '%00',
    '\u0000',
    'a\u0000b',
    '\u202Eabc',
    '😀'.repeat(20),
    "'; DROP TABLE sync_runs; --",
    '<script>alert(1)</script>',
    'x'.repeat(150),
    'x'.repeat(5000),
    '__proto__',
    'constructor',
    '9'.repeat(30),
    '00000000-0000-4000-8000-000000000000',
    'sync_org_test_20260101_000000_aaaaaaaa',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

const value = fc.oneof(
  odd,
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, [], {}, [[[]]], { a: { b: [] } }),
  fc.array(odd, { maxLength: 3 }),
);

test('no question in any wrong form is answered with an error of ours or with what is not the caller’s', async () => {
  expect(operations.length).toBeGreaterThan(30);
  const answered = new Set<number>();
  for (const operation of operations) {
    const pathValue = fc.oneof(
      { weight: 3, arbitrary: odd },
      { weight: 2, arbitrary: fc.constantFrom(...foreign, ORGANIZATION, 'practice') },
    );
    const asked = fc.record({
      path: fc.array(pathValue, { minLength: 3, maxLength: 3 }),
      query: fc.dictionary(
        fc.oneof(
          fc.constantFrom(...operation.parameters.filter((p) => p.in === 'query').map((p) => p.name), 'other'),
          fc.string({ maxLength: 8 }),
        ),
        odd,
        { maxKeys: 3 },
      ),
      body: fc.oneof(
        fc.constantFrom(
          '',
          '{',
          '[',
          'null',
          '"x"',
          `{"a":"${'x'.repeat(2_000_000)}"}`,
          '{"__proto__":{"admin":true}}',
        ),
        fc
          .dictionary(fc.constantFrom(...Object.keys(operation.body?.properties ?? {}), 'other'), value)
          .map((body) => JSON.stringify(body)),
      ),
      type: fc.constantFrom(
        'application/json',
        'application/json',
        'text/plain',
        'application/xml',
        'multipart/form-data',
        'nonsense',
      ),
      organization: fc.constantFrom(null, ORGANIZATION, ORGANIZATION, OTHER, 'org_none'),
    });
    const samples = fc.sample(asked, { numRuns: CASES, seed: 42 });
    for (const sample of samples) {
      let n = 0;
      const path = operation.path.replace(/\{\w+\}/g, () => encode(sample.path[n++ % 3]!));
      const query = Object.entries(sample.query)
        .map(([name, text]) => `${encode(name)}=${encode(text)}`)
        .join('&');
      const url = `${server.url}${path}${query === '' ? '' : `?${query}`}`;
      const bare = operation.method === 'GET' || operation.method === 'HEAD';
      const signal = new AbortController();
      const response = await fetch(url, {
        method: operation.method,
        signal: signal.signal,
        headers: {
          authorization: `Bearer ${key}`,
          ...(bare ? {} : { 'content-type': sample.type }),
          ...(sample.organization === null ? {} : { 'x-organization-id': sample.organization }),
        },
        ...(bare ? {} : { body: sample.body }),
      });
      const what = `${operation.method} ${path.slice(0, 200)}?${query.slice(0, 200)} ${bare ? '' : sample.body.slice(0, 200)} → ${response.status}`;
      const text = await response.text();
      answered.add(response.status);
      expect(response.status, `${what} ${text.slice(0, 300)}`).toBeLessThan(500);
      expect(text, what).not.toMatch(/\bat .*\.ts:\d|node_modules|\/work\/|zq.canary.practice/i);
      // What the caller wrote may come back; what it did not write may not.
      if (!`${path}${query}${sample.body}${sample.organization}`.includes('canary')) {
        expect(text, what).not.toMatch(/zq.canary/i);
      }
      if (sample.organization === OTHER && operation.needsKey) expect(response.status, what).not.toBe(200);
      // A path of dots or slashes is another route's, or nobody's.
      if (response.status === 404 || sample.path.some((p) => /^\.{0,2}$|\//.test(p))) continue;
      const schema = operation.responses[response.status]?.content?.['application/json']?.schema;
      if (schema === undefined || operation.method === 'HEAD') {
        expect(Object.keys(operation.responses), what).toContain(String(response.status));
        continue;
      }
      const [, errors] = Schema.Errors(schema, JSON.parse(text));
      expect(errors, what).toEqual([]);
    }
  }
  // Texts that PostgreSQL cannot keep, where they would be kept.
  for (const [method, path, body] of [
    ['POST', '/api/v1/connections/practice/pause', { reason: 'a\u0000b\uD800' }],
    ['POST', '/api/v1/connections/practice/resume', undefined],
    ['POST', '/api/v1/keys', { name: 'a\u0000b\uD800', role: 'viewer' }],
    ['PUT', '/api/v1/connections/practice/credentials', { username: 'a\u0000b\uD800', password: '\u0000' }],
  ] as const) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.status, `${method} ${path} ${await response.text()}`).toBeLessThan(500);
  }
  for (const status of [200, 400, 403, 404]) expect([...answered]).toContain(status);
  await until(async () => {
    const open = await fetch(`${server.url}/api/v1/sync/active`, { headers: { authorization: `Bearer ${key}` } });
    return ((await open.json()) as { total_active: number }).total_active === 0;
  });
});

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
