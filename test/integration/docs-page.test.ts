/** The page about the routes at `/docs`, and what a linter says of the description behind it. */
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningServer, serve } from '../../src/server.ts';
import { type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

let setup: PracticeSetup;
let server: RunningServer;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 1, attachments: 2 });
  const database = { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined };
  server = await serve({ config: setup.config, database });
});
afterAll(async () => {
  await server?.stop();
  await setup?.close();
});

test('the page and all its files come from here, without a key, and load nothing from elsewhere', async () => {
  const page = await fetch(`${server.url}/docs`);
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy');
  const html = await page.text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    expect(file).not.toMatch(/^(https?:)?\/\//);
    const answer = await fetch(new URL(file, `${server.url}/docs/`));
    expect(answer.status, file).toBe(200);
    expect(answer.headers.get('content-security-policy'), file).toBe(policy);
    await answer.arrayBuffer();
  }
  const described = (await (await fetch(`${server.url}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(described.paths)).toContain('/api/v1/sync/progress/{syncId}');
  expect(JSON.stringify(described)).not.toContain(setup.connection.organizationId);
});

test('the page may do what it needs to on this machine, and nothing else', async () => {
  const page = await fetch(`${server.url}/docs`);
  const policy = new Map(
    (page.headers.get('content-security-policy') ?? '').split(';').map((rule) => {
      const [name, ...sources] = rule.trim().split(' ');
      return [name!, sources.join(' ')];
    }),
  );
  expect(Object.fromEntries(policy)).toEqual({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data: blob:",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  });
  // What that policy would stop: a script in the page itself.
  const html = await page.text();
  for (const [, attributes, script] of html.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)) {
    expect(attributes).toMatch(/src="[^"]+"/);
    expect(script!.trim()).toBe('');
  }
  expect(html).not.toMatch(/<[^>]+\son\w+=/);
  const start = await (await fetch(`${server.url}/docs/static/swagger-initializer.js`)).text();
  expect(start).toMatch(/"validatorUrl": ?null/);
});

test('the description is served once: the page is sent to it, and there is no other form of it', async () => {
  for (const page of ['/docs/json', '/docs/json?x=1']) {
    const sent = await fetch(`${server.url}${page}`, { redirect: 'manual' });
    expect(sent.status).toBe(302);
    expect(new URL(sent.headers.get('location')!, `${server.url}${page}`).pathname).toBe('/openapi.json');
    const followed = await fetch(`${server.url}${page}`);
    expect(await followed.json()).toEqual(await (await fetch(`${server.url}/openapi.json`)).json());
  }
  const yaml = await fetch(`${server.url}/docs/yaml`);
  expect(yaml.status).toBe(404);
  expect(await yaml.json()).toMatchObject({ success: false, details: { error_type: 'not_found' } });
});

test('a linter finds nothing wrong with the description but what is as it must be', async () => {
  const source = await (await fetch(`${server.url}/openapi.json`)).text();
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintFromString({ source, config });
  const found = problems.map((p) => `${p.ruleId} ${p.location[0]?.pointer}`);
  expect(found).toEqual([
    // They take nothing, neither a key nor a parameter, so there is nothing to refuse.
    'operation-4xx-response #/paths/~1health/get/responses',
    'operation-4xx-response #/paths/~1ready/get/responses',
    // A sign-in elsewhere begins and ends with a redirect.
    'operation-2xx-response #/paths/~1api~1v1~1session~1oidc~1{provider}/get/responses',
    'operation-2xx-response #/paths/~1api~1v1~1session~1oidc~1callback/get/responses',
    // They want a language model, which is never there.
    'operation-2xx-response #/paths/~1api~1query/post/responses',
    'operation-2xx-response #/paths/~1api~1vector-search~1{uuid}~1query/post/responses',
    'operation-2xx-response #/paths/~1api~1sync~1outbound~1enrich/post/responses',
    'operation-2xx-response #/paths/~1api~1sync~1outbound~1full/post/responses',
  ]);
});
