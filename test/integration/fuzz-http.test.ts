/**
 * Everything that the description of the interface offers, asked in every wrong way: never an error of ours, never a stack
 * trace, never a byte of another organisation, and always as described. New routes are met without being listed here.
 */
import { resolve } from 'node:path';
import fc from 'fast-check';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Refusal } from '../../src/api/refusals.ts';
import { type Described, describedPaths } from '../support/description.ts';
import { textOf } from '../support/event-stream.ts';
import { NOBODY, setUpTwoPractices, type TwoPractices } from '../support/two-practices.ts';
import { until } from '../support/until.ts';

const CASES = 40;
/** Thousands of requests: a busy machine takes its time. */
const LONG_MS = 900_000;
const PROJECT = resolve(import.meta.dirname, '../..');
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-/;

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { name: string; in: string }[];
  readonly body: { readonly properties?: Record<string, unknown> } | null;
  readonly example: unknown;
  readonly needsKey: boolean;
  readonly responses: Described['responses'];
}

let practices: TwoPractices;
let operations: Operation[];

beforeAll(async () => {
  practices = await setUpTwoPractices();
  const paths = describedPaths(await (await fetch(`${practices.server.url}/openapi.json`)).json());
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json']?.schema ?? null,
      example: operation.requestBody?.content['application/json']?.example,
      needsKey: operation.security?.length !== 0,
      responses: operation.responses,
    })),
  );
});

afterAll(async () => {
  await practices?.close();
});

interface Question {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
  readonly organization?: string | null;
  readonly type?: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** Asks with the key of the one practice. The answer is no error of ours, and tells nothing of the other or of the machine. */
async function ask({ method, path, query = '', organization = null, type, body }: Question) {
  const response = await fetch(`${practices.server.url}${path}${query === '' ? '' : `?${query}`}`, {
    method,
    // Where a browser would go next is part of the answer.
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${practices.one.secret}`,
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(organization === null ? {} : { 'x-organization-id': organization }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await textOf(response);
  const what = `${method} ${path.slice(0, 200)}?${query.slice(0, 200)} ${String(body ?? '').slice(0, 200)} → ${response.status} ${text.slice(0, 300)}`;
  // 501 says what is not there; it is no failure.
  if (response.status !== 501) expect(response.status, what).toBeLessThan(500);
  expect(text, what).not.toMatch(/\bat .*\.[jt]s:\d|node_modules/);
  const all = `${JSON.stringify([...response.headers])} ${text}`.toLowerCase();
  for (const folder of [PROJECT, practices.folder]) expect(all.includes(folder.toLowerCase()), what).toBe(false);
  // Whom one asked for stands in one's own audit log, and in the answer to a run for that patient.
  const namesAsked = path.startsWith('/api/v1/audit') || path.startsWith('/api/sync/vsrx/patient/');
  const foreign = practices.other.words.filter((word) => !(namesAsked && UUID.test(word)));
  expect(
    foreign.filter((word) => all.includes(word.toLowerCase())),
    what,
  ).toEqual([]);
  return { status: response.status, text, what };
}

function expectRefusal({ text, what }: { text: string; what: string }): void {
  // What is no method at all is refused before anybody looks where it goes.
  if (/^(?!NONSENSE)\w+ \/fhir\//.test(what)) {
    expect(JSON.parse(text), what).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] });
    return;
  }
  const [, errors] = Schema.Errors(Refusal, JSON.parse(text));
  expect(errors, what).toEqual([]);
}

const halves = ['\uD800', '\uDC00x', 'x\uD83D', '\uDE00\uD83D'];
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
    'x'.repeat(201),
    'x'.repeat(5000),
    '__proto__',
    'constructor',
    '9'.repeat(30),
    '00000000-0000-4000-8000-000000000000',
    'sync_org_test_20260101_000000_aaaaaaaa',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

/** In a body also halves of characters, which JSON can carry. */
const value = fc.oneof(
  odd,
  fc.constantFrom(...halves),
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, [], {}, [[[]]], { a: { b: [] } }),
  fc.array(odd, { maxLength: 3 }),
);

/** As they are: parts of an address that stand for no text. */
const undecodable = fc.constantFrom('%ED%A0%80', '%C0%AF', '%zz', '%', '%FF');

test(
  'no question in any wrong form is answered with an error of ours or with what is not the caller’s',
  async () => {
    expect(operations.length).toBeGreaterThan(30);
    const answered = new Set<number>();
    const own = practices.one.ids.organization;
    const other = practices.other.ids.organization;
    // Its own key is not among them: revoked, it would ask nothing any more.
    const ownIds = Object.entries(practices.one.ids).flatMap(([kind, id]) => (kind === 'key' ? [] : [id]));
    for (const [index, operation] of operations.entries()) {
      const pathValue = fc.oneof(
        { weight: 3, arbitrary: odd.map(encode) },
        {
          weight: 2,
          arbitrary: fc.constantFrom(...Object.values(practices.other.ids), ...ownIds),
        },
        { weight: 1, arbitrary: undecodable },
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
        organization: fc.constantFrom(null, own, own, other, NOBODY.organization),
      });
      const samples = fc.sample(asked, { numRuns: CASES, seed: 42 + index });
      for (const sample of samples) {
        const used: string[] = [];
        const path = operation.path.replace(/\{\w+\}/g, () => {
          used.push(sample.path[used.length % 3]!);
          return used.at(-1)!;
        });
        const query = Object.entries(sample.query)
          .map(([name, text]) => `${encode(name)}=${encode(text)}`)
          .join('&');
        const { organization, type, body } = sample;
        const bare = operation.method === 'GET' || operation.method === 'HEAD';
        const question = { method: operation.method, path, query, organization };
        const answer = await ask(bare ? question : { ...question, type, body });
        const { status, text, what } = answer;
        answered.add(status);
        if (organization === other && operation.needsKey) expect(status, what).not.toBe(200);
        if (operation.method === 'HEAD') {
          expect(text, what).toBe('');
          continue;
        }
        // A path with a part of dots or of nothing is another route's, or nobody's.
        if (used.some((part) => /^\.{0,2}$/.test(part))) {
          if (status >= 400) expectRefusal(answer);
          continue;
        }
        expect(Object.keys(operation.responses), what).toContain(String(status));
        const schema = operation.responses[status]?.content?.['application/json']?.schema;
        if (schema === undefined) continue;
        const [, errors] = Schema.Errors(schema, JSON.parse(text));
        expect(errors, what).toEqual([]);
      }
    }
    for (const status of [200, 400, 403, 404, 413, 414, 415]) expect([...answered]).toContain(status);
    await untilNothingRuns();
  },
  LONG_MS,
);

test(
  'a body with half a character is refused, wherever it stands',
  async () => {
    const asked = operations.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
    expect(asked.length).toBeGreaterThan(15);
    for (const operation of asked) {
      const path = operation.path.replace(/\{\w+\}/g, NOBODY.connection);
      const fields = Object.keys(operation.body?.properties ?? {});
      for (const half of halves) {
        for (const body of [
          ...fields.map((field) => ({ ...(operation.example as object), [field]: `a${half}b` })),
          { [half]: 1 },
          { other: [[{ inner: half }]] },
          half,
        ]) {
          const text = JSON.stringify(body);
          const answer = await ask({ method: operation.method, path, type: 'application/json', body: text });
          expect(answer.status, answer.what).toBe(400);
          expectRefusal(answer);
        }
      }
      // Bytes that are no UTF-8: half a character written as bytes, a byte that never occurs.
      for (const bytes of [
        [0x22, 0xed, 0xa0, 0x80, 0x22],
        [0x7b, 0xff, 0x7d],
      ]) {
        const body = new Uint8Array(bytes);
        const answer = await ask({ method: operation.method, path, type: 'application/json', body });
        // Where no body is wanted, none is looked at.
        if (operation.body !== null) expect(answer.status, answer.what).toBe(400);
      }
    }
    await untilNothingRuns();
  },
  LONG_MS,
);

test('text that PostgreSQL cannot keep is refused where it would be kept', async () => {
  const { connection } = practices.one.ids;
  for (const [method, path, body] of [
    ['POST', `/api/v1/connections/${connection}/pause`, { reason: 'a\u0000b\uD800' }],
    ['POST', '/api/v1/keys', { name: 'a\u0000b\uD800', role: 'viewer' }],
    ['PUT', `/api/v1/connections/${connection}/credentials`, { username: 'a\u0000b\uD800', password: '\u0000' }],
  ] as const) {
    const answer = await ask({ method, path, type: 'application/json', body: JSON.stringify(body) });
    expect(answer.status, answer.what).toBe(400);
    expectRefusal(answer);
  }
});

test(
  'a method that a route has not is refused, known or not',
  async () => {
    const paths = Map.groupBy(operations, ({ path }) => path);
    for (const [template, known] of paths) {
      const path = template.replace(/\{\w+\}/g, NOBODY.key);
      const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'NONSENSE'];
      for (const method of methods.filter((name) => !known.some((operation) => operation.method === name))) {
        for (const body of method === 'GET' || method === 'HEAD' ? [undefined] : [undefined, '{"a":1}']) {
          const type = body === undefined ? {} : { type: 'application/json', body };
          const answer = await ask({ method, path, ...type });
          // What is no method is noticed before anybody looks for a route.
          const early = method === 'NONSENSE' ? [400] : [];
          expect([404, 405, ...early], answer.what).toContain(answer.status);
          if (method === 'HEAD') expect(answer.text).toBe('');
          else expectRefusal(answer);
        }
      }
    }
  },
  LONG_MS,
);

async function untilNothingRuns(): Promise<void> {
  await until(async () => {
    const { text } = await ask({ method: 'GET', path: '/api/v1/sync/active' });
    return JSON.parse(text).total_active === 0;
  });
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
