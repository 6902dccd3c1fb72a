/** How the pages are served: which addresses are pages, what may be kept, under which policy. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Access } from '../../src/api/access.ts';
import { createApp } from '../../src/api/app.ts';
import { landingRoute } from '../../src/api/routes/landing.ts';
import type { ApiServices } from '../../src/api/services.ts';
import { openWebApp } from '../../src/api/web-app.ts';

const BUILD = fileURLToPath(new URL('../../web/build', import.meta.url));
let app: FastifyInstance;
let admitted = 0;

beforeAll(async () => {
  app = await createApp({
    services: {} as ApiServices,
    access: { admit: async () => void admitted++ } as unknown as Access,
    isTrustedProxy: () => false,
    role: 'all',
    version: '0',
    web: await openWebApp(BUILD),
  });
});
afterAll(() => app.close());

const get = (url: string, headers: Record<string, string> = { accept: 'text/html,*/*' }) =>
  app.inject({ url, headers });

test('every address that a person opens is the page, under a policy that allows only its own scripts', async () => {
  for (const url of ['/', '/connections/riverside-vsrx', '/runs/sync_x?tab=units']) {
    const answer = await get(url);
    expect([url, answer.statusCode, answer.headers['content-type']]).toEqual([url, 200, 'text/html; charset=utf-8']);
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toMatch(
      /default-src 'none'; .*script-src 'self' 'sha256-[\w+/]+={0,2}'; style-src 'self'; style-src-attr 'unsafe-hashes' 'sha256-[\w+/]+={0,2}'; /,
    );
    expect(policy).toMatch(/; frame-ancestors 'none'$/);
    expect(policy).not.toMatch(/unsafe-(inline|eval)/);
    expect(answer.headers['cache-control']).toBe('no-cache');
  }
  expect(admitted).toBe(0);
});

test('what a program asks for is never the page', async () => {
  for (const [url, accept] of [
    ['/connections/riverside-vsrx', 'application/json'],
    ['/connections/riverside-vsrx', '*/*'],
    ['/api/v1/nothing', 'text/html'],
    ['/_app/immutable/nothing.js', 'text/html'],
  ] as const) {
    const answer = await get(url, { accept });
    expect([url, answer.statusCode]).toEqual([url, 404]);
    expect(answer.json().details.error_type).toBe('not_found');
  }
  expect((await app.inject({ method: 'POST', url: '/runs', headers: { accept: 'text/html' } })).statusCode).toBe(404);
});

test('scripts are sent small, and kept for as long as they are the same', async () => {
  const [script = ''] = (await readdir(join(BUILD, '_app', 'immutable', 'entry'))).filter((name) =>
    name.endsWith('.js'),
  );
  const path = `/_app/immutable/entry/${script}`;
  const answer = await get(path, { 'accept-encoding': 'gzip, br' });
  expect(answer.headers).toMatchObject({
    'content-encoding': 'br',
    'cache-control': 'public, max-age=31536000, immutable',
    'x-content-type-options': 'nosniff',
  });
  expect(answer.headers['content-type']).toMatch(/^(text|application)\/javascript/);
  expect((await get('/_app/version.json')).headers['cache-control']).toBe('no-cache');
  expect((await get('/_app/..%2findex.html')).statusCode).toBe(404);
});

test('without a build, / says what to do', async () => {
  expect(await openWebApp(join(BUILD, 'nowhere'))).toBeNull();
  const bare = Fastify();
  landingRoute(bare);
  const answer = await bare.inject('/');
  expect(answer.body).toContain('<code>npm start</code>');
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
});

test('the pages know nothing of the program but its described interface', async () => {
  const web = fileURLToPath(new URL('../../web/', import.meta.url));
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(web, 'package.json'), 'utf8'));
  const packages = Object.keys({ ...dependencies, ...devDependencies });
  let looked = 0;
  for (const entry of await readdir(join(web, 'src'), { recursive: true, withFileTypes: true })) {
    if (!/\.(ts|svelte)$/.test(entry.name) || /\.(test|d)\.ts$/.test(entry.name)) continue;
    const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
    for (const [, from = ''] of text.matchAll(
      /(?:\} from |^\s*import (?:[\w*{][^'\n]* from )?|\bimport\()'([^'\n]+)'/gm,
    )) {
      looked++;
      const place = from.startsWith('.') ? relative(join(web, 'src'), join(entry.parentPath, from)) : from;
      const known =
        !place.startsWith('.') &&
        (from.startsWith('.') ||
          /^(#lib|\$app)\//.test(from) ||
          packages.some((name) => `${from}/`.startsWith(`${name}/`)));
      expect(known, `${entry.name}: ${from}`).toBe(true);
    }
  }
  expect(looked).toBeGreaterThan(100);
});
