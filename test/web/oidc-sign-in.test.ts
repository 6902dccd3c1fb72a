/** Signing in with an account: a real browser, a real OpenID Connect provider, and a service that trusts it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { serve } from '../../src/server.ts';
import { freePort } from '../support/free-port.ts';
import { CLIENT, startProvider, type TestProvider } from '../support/oidc-provider.ts';
import { ORGANIZATION } from '../support/practice-setup.ts';
import { openScene, type Scene, type Visit, violations, visit } from './browser.ts';

let scene: Scene;
let provider: TestProvider;

beforeAll(async () => {
  // The provider must know the service's address, and the service the provider's.
  const port = await freePort();
  provider = await startProvider(`http://127.0.0.1:${port}/api/v1/session/oidc/callback`);
  scene = await openScene({
    second: 'Hillside Clinic',
    environment: { PORT: String(port) },
    sections: {
      auth: {
        oidc: [
          {
            issuer: provider.url,
            audience: 'chartsync',
            roles: { receptionist: 'operator', manager: 'administrator' },
            signIn: { clientId: CLIENT.id, clientSecret: CLIENT.secret, name: 'Riverside staff' },
          },
        ],
      },
    },
  });
  provider.people.set('account-one', { org_id: ORGANIZATION, roles: ['receptionist'] });
  provider.people.set('account-two', { org_id: [ORGANIZATION, 'org_second'], roles: ['manager'] });
  provider.people.set('account-none', { org_id: ORGANIZATION, roles: ['visitor'] });
});
afterAll(async () => {
  await scene?.close();
  await provider?.close();
});

/** From the sign-in page through the provider's own pages. */
async function signInAs({ page }: Visit, account: string, from = '/sign-in'): Promise<void> {
  await page.goto(from);
  await page.getByRole('link', { name: 'Sign in with Riverside staff' }).click();
  await page.waitForURL(`${provider.url}/interaction/**`);
  await page.locator('[name=login]').fill(account);
  await page.locator('[name=password]').fill('whatever');
  await page.locator('[type=submit]').click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

test('an account opens what its roles say, and a cookie is all that the browser has of it', async () => {
  const visited = await visit(scene, { key: null });
  const { page, context, complaints } = visited;
  await signInAs(visited, 'account-one', '/failures');
  // Where the person wanted to go: the strict cookie of the session survived the way back from another site.
  await page.waitForURL(`${scene.server.url}/failures`);
  await page.getByRole('heading', { level: 1, name: 'Failures' }).waitFor();
  await page.getByText('Operator').waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByText('You lack the scope keys:write.').waitFor();
  const cookies = await context.cookies(scene.server.url);
  expect(cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }))).toEqual([
    { name: 'chartsync_session', httpOnly: true, sameSite: 'Strict' },
  ]);
  const kept = await page.evaluate<string>('document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })');
  expect(kept).not.toMatch(/account-one|eyJ/);
  // Signing out changes something: it wants the token that a foreign page cannot read.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/sign-in$/);
  expect((await context.request.get('/api/v1/session')).status()).toBe(401);
  // The provider's own pages want a font from the internet.
  expect(complaints.filter((text) => !text.includes('ERR_NAME_NOT_RESOLVED'))).toEqual([]);
  await visited.close();
});

test('an account of two organisations changes between them, and the administrator sees who signed in', async () => {
  const visited = await visit(scene, { key: null });
  const { page } = visited;
  await signInAs(visited, 'account-two');
  await page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  await page.getByRole('combobox', { name: 'Organisation' }).selectOption('Hillside Clinic');
  await page.getByText('No connection is configured yet.').waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('cell', { name: 'account-two' }).waitFor();
  // Of the other organisation only.
  expect(await page.getByRole('cell', { name: 'account-one' }).count()).toBe(0);
  await visited.close();
});

test('an account without a role is told so, and has no session', async () => {
  const visited = await visit(scene, { key: null });
  const { page, context } = visited;
  await signInAs(visited, 'account-none');
  await page.getByText('Your account is known there, but it opens nothing here.').waitFor();
  expect(await violations(page)).toEqual([]);
  expect(await context.cookies(scene.server.url)).toEqual([]);
  await visited.close();
});

test('an answer of the provider counts once, and only in the browser that asked', async () => {
  const visited = await visit(scene, { key: null });
  const { page } = visited;
  let answer = '';
  page.on('request', (request) => {
    if (request.url().includes('/api/v1/session/oidc/callback?')) answer = request.url();
  });
  await signInAs(visited, 'account-one');
  await page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  const again = await fetch(answer, { redirect: 'manual' });
  expect([again.status, again.headers.get('location')]).toEqual([302, '/sign-in?problem=expired']);
  expect(again.headers.getSetCookie().join()).not.toContain('chartsync_session');
  await visited.close();

  const other = await visit(scene, { key: null });
  await other.page.goto(answer);
  await other.page.getByText('took too long, or was begun in another window').waitFor();
  await other.close();
});

test('who gives up at the provider is back at the sign-in page', async () => {
  const visited = await visit(scene, { key: null });
  const { page } = visited;
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Sign in with Riverside staff' }).click();
  await page.waitForURL(`${provider.url}/interaction/**`);
  await page.getByRole('link', { name: 'Cancel' }).click();
  await page.getByText('was refused or given up there').waitFor();
  await visited.close();
});

test('a place elsewhere is never gone to', async () => {
  const begun = await fetch(`${scene.server.url}/api/v1/session/oidc/1?next=//elsewhere.example`, {
    redirect: 'manual',
  });
  const url = new URL(begun.headers.get('location') ?? '');
  expect([begun.status, url.origin]).toEqual([302, provider.url]);
  expect(url.searchParams.get('code_challenge_method')).toBe('S256');
  expect(begun.headers.getSetCookie().join()).toMatch(/chartsync_sign_in=[\w-]{43};.*HttpOnly; SameSite=Lax/);
  expect((await fetch(`${scene.server.url}/api/v1/session/oidc/9`, { redirect: 'manual' })).status).toBe(404);
});

test('an account whose sign-in the configuration ended is signed out', async () => {
  const visited = await visit(scene, { key: null });
  await signInAs(visited, 'account-one');
  await visited.page.getByRole('heading', { name: 'Needs a person' }).waitFor();
  const cookie = (await visited.context.cookies(scene.server.url))
    .map(({ name, value }) => `${name}=${value}`)
    .join('; ');
  const ask = async (url: string) => (await fetch(`${url}/api/v1/session`, { headers: { cookie } })).status;
  expect(await ask(scene.server.url)).toBe(200);
  // Another process on the same stores, with a configuration that knows no issuer.
  const env = await scene.setup.environmentWith({ sections: { auth: {} } });
  const config = await loadConfig({ env, cwd: scene.setup.folder });
  const other = await serve({
    config,
    database: { url: env.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
  try {
    expect(await ask(other.url)).toBe(401);
  } finally {
    await other.stop();
  }
  await visited.close();
});
