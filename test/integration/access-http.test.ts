/** Who gets in, to what, and what is written down of it: keys, tokens and client certificates at the HTTP interface. */

import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Scope } from '../../src/domain/scopes.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

const OTHER = 'org_other';
const FINGERPRINT = 'ab'.repeat(32);
const NOBODY = '00000000-0000-4000-8000-000000000000';

let setup: PracticeSetup;
let server: RunningServer;
let issuer: Issuer;
let documentId: string;
/** Everything that was answered, but for the answers that hand out a secret. */
const answers: string[] = [];
const secrets: string[] = [];

beforeAll(async () => {
  setup = await setUpPractice({ patients: 4, attachments: 20 });
  issuer = await startIssuer();
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations.push({
    id: OTHER,
    name: 'Other',
    timeZone: 'UTC',
    connections: [{ ...connection, id: 'other' }],
  });
  file.auth = {
    trustedProxies: ['127.0.0.1'],
    oidc: [{ issuer: issuer.url, audience: 'chartsync', roles: { nurse: 'viewer' } }],
    clientCertificates: { certificates: [{ fingerprint: FINGERPRINT, organization: ORGANIZATION, role: 'viewer' }] },
    rateLimits: { failedAuthenticationsPerAddress: '10/1h', requestsPerKey: '500/1m', syncStartsPerKey: '4/1h' },
  };
  server = await startServer(file);
  const run = await call('POST', '/api/sync/vsrx?wait=true', { key: server.adminKey });
  expect(run.status).toBe(200);
  for await (const document of setup.connection.ports.records.storedDocuments(setup.connection.settings)) {
    documentId = document.documentUuid;
    break;
  }
});

afterAll(async () => {
  await server?.stop();
  await setup?.close();
  await issuer?.stop();
});

async function startServer(file: unknown): Promise<RunningServer> {
  await writeFile(setup.environment.CHARTSYNC_CONFIG, JSON.stringify(file));
  const config = await loadConfig({ env: setup.environment, cwd: setup.folder });
  return serve({
    config,
    database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
  });
}

interface Call {
  readonly key?: string | null;
  readonly organization?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
  /** Address of the caller, as the proxy tells it. */
  readonly from?: string;
}

async function call(method: string, path: string, options: Call = {}) {
  const { key, organization = ORGANIZATION, from } = options;
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      ...(key == null ? {} : { authorization: `Bearer ${key}` }),
      ...(organization === '' ? {} : { 'x-organization-id': organization }),
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : null;
  if (typeof json?.secret === 'string') secrets.push(json.secret);
  else answers.push(text);
  return { status: response.status, headers: response.headers, body: json };
}

const statusOf = async (...args: Parameters<typeof call>) => (await call(...args)).status;
const typeOf = (answer: { body: { details?: { error_type?: string } } }) => answer.body?.details?.error_type;

async function newKey(scopes: readonly Scope[], more: { organization?: string; days?: number } = {}) {
  const answer = await call('POST', '/api/v1/keys', {
    key: server.adminKey,
    organization: more.organization ?? ORGANIZATION,
    body: { name: 'sample', scopes, ...(more.days === undefined ? {} : { expires_in_days: more.days }) },
  });
  expect(answer.status).toBe(201);
  return { id: answer.body.key.id as string, secret: answer.body.secret as string };
}

describe('a key', () => {
  test('is shown once, works for its organisation, and is listed without its secret', async () => {
    const { id, secret } = await newKey(['sync:read', 'keys:write'], { days: 30 });
    expect(secret).toMatch(/^cs_[0-9a-z]{16}_[\w-]{43}$/);
    // One organisation each: it need not be named.
    const list = await call('GET', '/api/v1/keys', { key: secret, organization: '' });
    expect(list.status).toBe(200);
    const own = list.body.keys.find((key: { id: string }) => key.id === id);
    expect(own).toMatchObject({
      name: 'sample',
      scopes: ['sync:read', 'keys:write'],
      state: 'active',
      created_by: 'administrator:administrator',
      revoked_at: null,
      rotated_to: null,
    });
    expect(Date.parse(own.expires_at) - Date.parse(own.created_at)).toBeCloseTo(30 * 24 * 3600_000, -5);
    expect(JSON.stringify(list.body)).not.toContain(secret.slice(20));
  });

  test.each<[string, Scope[], string[]]>([
    ['nothing of use', ['audit:read'], ['audit']],
    ['reading states', ['sync:read'], ['status', 'progress']],
    ['starting runs', ['sync:run'], ['run', 'cancel']],
    ['reading documents', ['documents:read'], ['document']],
    ['keys', ['keys:write'], ['keys']],
    ['everything', ['admin'], ['audit', 'status', 'progress', 'run', 'cancel', 'document', 'keys']],
  ])('for %s opens just that', async (_, scopes, allowed) => {
    const { secret } = await newKey(scopes);
    const routes: Record<string, [string, string]> = {
      audit: ['GET', '/api/v1/audit'],
      status: ['GET', `/api/sync/status/${NOBODY}`],
      progress: ['GET', '/api/v1/sync/progress/sync_x'],
      run: ['POST', '/api/sync/vsrx?connection=none'],
      cancel: ['DELETE', '/api/v1/sync/cancel/sync_x'],
      document: ['GET', `/api/documents/${documentId}`],
      keys: ['GET', '/api/v1/keys'],
    };
    for (const [name, [method, path]] of Object.entries(routes)) {
      const answer = await call(method, path, { key: secret });
      if (allowed.includes(name)) expect([200, 404], name).toContain(answer.status);
      else expect([name, answer.status, typeOf(answer)]).toEqual([name, 403, 'insufficient_scope']);
    }
  });

  test('of another organisation gets nothing, and cannot tell what exists', async () => {
    const { secret } = await newKey(['admin'], { organization: OTHER });
    expect(await statusOf('GET', `/api/documents/${documentId}`, { key: secret, organization: OTHER })).toBe(404);
    const run = await call('GET', '/api/v1/sync/progress/sync_none', { key: secret, organization: OTHER });
    expect(run.status).toBe(404);
    for (const organization of [ORGANIZATION, 'org_that_is_not']) {
      const answer = await call('GET', `/api/documents/${documentId}`, { key: secret, organization });
      expect([answer.status, typeOf(answer)]).toEqual([403, 'organization_mismatch']);
    }
    const { id } = await newKey(['sync:read']);
    expect(await statusOf('DELETE', `/api/v1/keys/${id}`, { key: secret, organization: OTHER })).toBe(404);
    expect(await statusOf('POST', `/api/v1/keys/${id}/rotate`, { key: secret, organization: OTHER })).toBe(404);
  });

  test('hands out no more than it has', async () => {
    const { secret } = await newKey(['keys:write', 'sync:read']);
    const make = (scopes: Scope[]) => call('POST', '/api/v1/keys', { key: secret, body: { name: 'more', scopes } });
    expect((await make(['sync:read'])).status).toBe(201);
    for (const scopes of [['admin'], ['sync:read', 'documents:read']] as Scope[][]) {
      expect(typeOf(await make(scopes))).toBe('insufficient_scope');
    }
    const strong = await newKey(['admin']);
    expect(await statusOf('POST', `/api/v1/keys/${strong.id}/rotate`, { key: secret })).toBe(403);
  });

  test('may live for ever, where somebody says so', async () => {
    const body = { name: 'for ever', role: 'viewer', never_expires: true };
    const made = await call('POST', '/api/v1/keys', { key: server.adminKey, body });
    expect(made.body.key).toMatchObject({ expires_at: null, scopes: ['sync:read'] });
  });

  test('revoked is refused at once, and revoking again changes nothing', async () => {
    const { id, secret } = await newKey(['keys:write']);
    expect(await statusOf('GET', '/api/v1/keys', { key: secret })).toBe(200);
    const revoked = await call('DELETE', `/api/v1/keys/${id}`, { key: server.adminKey });
    expect(revoked.body.key).toMatchObject({ id, state: 'revoked' });
    const refused = await call('GET', '/api/v1/keys', { key: secret });
    expect(refused.status).toBe(401);
    const again = await call('DELETE', `/api/v1/keys/${id}`, { key: server.adminKey });
    expect(again.body.key.revoked_at).toBe(revoked.body.key.revoked_at);
  });

  test('rotated works beside its successor, or not at all when so wished', async () => {
    const { id, secret } = await newKey(['keys:write']);
    const next = await call('POST', `/api/v1/keys/${id}/rotate`, { key: server.adminKey, body: { overlap_hours: 1 } });
    expect(next.status).toBe(201);
    for (const key of [secret, next.body.secret]) expect(await statusOf('GET', '/api/v1/keys', { key })).toBe(200);
    const twice = await call('POST', `/api/v1/keys/${id}/rotate`, { key: server.adminKey });
    expect([twice.status, typeOf(twice)]).toEqual([409, 'key_not_active']);
    const last = await call('POST', `/api/v1/keys/${next.body.key.id}/rotate`, {
      key: server.adminKey,
      body: { overlap_hours: 0 },
    });
    expect(await statusOf('GET', '/api/v1/keys', { key: next.body.secret })).toBe(401);
    expect(await statusOf('GET', '/api/v1/keys', { key: last.body.secret })).toBe(200);
  });

  test.each<[string, unknown]>([
    ['no name', { scopes: ['sync:read'] }],
    ['an empty name', { name: '', scopes: ['sync:read'] }],
    ['neither role nor scopes', { name: 'x' }],
    ['both', { name: 'x', role: 'viewer', scopes: ['sync:read'] }],
    ['an unknown scope', { name: 'x', scopes: ['all'] }],
    ['no scope', { name: 'x', scopes: [] }],
    ['a wrong time', { name: 'x', role: 'viewer', expires_in_days: 0 }],
    ['two times', { name: 'x', role: 'viewer', expires_in_days: 3, never_expires: true }],
    ['something else', { name: 'x', role: 'viewer', admin: true }],
    ['a list', [1]],
    ['nothing', undefined],
  ])('with %s is not made', async (_, body) => {
    const answer = await call('POST', '/api/v1/keys', { key: server.adminKey, body });
    expect([answer.status, typeOf(answer)]).toEqual([400, 'invalid_request']);
  });
});

describe('a token', () => {
  const read = (key: string, organization = ORGANIZATION) =>
    call('GET', '/api/v1/sync/progress/sync_x', { key, organization });

  test('of the issuer opens what its claims say', async () => {
    expect((await read(await issuer.token({ org_id: ORGANIZATION, scope: 'openid sync:read' }))).status).toBe(404);
    expect((await read(await issuer.token({ org_id: ORGANIZATION, roles: ['nurse'] }))).status).toBe(404);
    expect(typeOf(await read(await issuer.token({ org_id: ORGANIZATION, scope: 'documents:read' })))).toBe(
      'insufficient_scope',
    );
    expect(typeOf(await read(await issuer.token({ org_id: ORGANIZATION, roles: ['doctor'] })))).toBe(
      'insufficient_scope',
    );
    expect(typeOf(await read(await issuer.token({ org_id: OTHER, scope: 'sync:read' })))).toBe('organization_mismatch');
    expect(typeOf(await read(await issuer.token({ scope: 'sync:read' })))).toBe('organization_mismatch');
  });

  test('for two organisations finds a run of either by its id alone, and looks after both', async () => {
    const { body } = await call('GET', `/api/v1/sync/history/${ORGANIZATION}`, { key: server.adminKey });
    const path = `/api/v1/sync/progress/${body.recent_syncs[0].sync_id}`;
    const both = await issuer.token({ org_id: `${ORGANIZATION} ${OTHER}`, scope: 'sync:read sync:run' });
    const ask = (method: string, of: string, key: string) => call(method, of, { key, organization: '' });
    expect((await ask('GET', path, both)).body).toMatchObject({ organization_id: ORGANIZATION });
    expect((await ask('GET', path, server.adminKey)).status).toBe(200);
    expect((await ask('DELETE', path.replace('progress', 'cancel'), both)).body.message).toBe('Sync already completed');
    expect((await ask('GET', path, await issuer.token({ org_id: OTHER, scope: 'sync:read' }))).status).toBe(404);
    const reader = await issuer.token({ org_id: `${ORGANIZATION} ${OTHER}`, scope: 'documents:read' });
    expect(typeOf(await ask('GET', path, reader))).toBe('insufficient_scope');
    expect((await ask('GET', '/api/v1/sync/active', both)).body).toMatchObject({ total_active: 0 });
    expect((await ask('POST', '/api/v1/sync/cleanup', both)).body).toMatchObject({ cleaned_syncs: 0 });
  });

  test.each<[string, () => Promise<string>]>([
    ['expired', () => issuer.token({ org_id: ORGANIZATION, scope: 'sync:read' }, { expires: '-1h' })],
    ['for another audience', () => issuer.token({ org_id: ORGANIZATION, scope: 'sync:read' }, { audience: 'else' })],
    ['without a subject', () => issuer.token({ org_id: ORGANIZATION, scope: 'sync:read' }, { subject: null })],
  ])('%s is refused', async (_, token) => {
    expect((await read(await token())).status).toBe(401);
  });

  test('of another issuer, with another signature, or with none, is refused', async () => {
    const token = await issuer.token({ org_id: ORGANIZATION, scope: 'admin' });
    const [head, body] = token.split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const forged = `${head}.${body}.${Buffer.from('x'.repeat(64)).toString('base64url')}`;
    const stranger = await issuer.token({ org_id: ORGANIZATION, scope: 'admin' }, { issuer: 'https://else.example' });
    for (const text of [unsigned, forged, stranger]) {
      const answer = await call('GET', '/api/v1/keys', { key: text, from: '198.51.100.7' });
      expect(answer.status).toBe(401);
    }
  });
});

describe('a client certificate', () => {
  const header = (fingerprint: string) => ({ 'x-client-cert-fingerprint': fingerprint });
  const read = (fingerprint: string, key: string | null = null) =>
    call('GET', '/api/v1/sync/progress/sync_x', { key, headers: header(fingerprint), from: '198.51.100.8' });

  test('counts from the trusted proxy, in any spelling', async () => {
    expect((await read(FINGERPRINT)).status).toBe(404);
    expect((await read(`${'AB:'.repeat(31)}AB`)).status).toBe(404);
    expect((await read('cd'.repeat(32))).status).toBe(401);
    expect((await read('')).status).toBe(401);
  });

  test('and a key together open no more than either alone', async () => {
    const { secret } = await newKey(['documents:read']);
    const both = await call('GET', `/api/documents/${documentId}`, { key: secret, headers: header(FINGERPRINT) });
    expect(typeOf(both)).toBe('insufficient_scope');
  });
});

describe('limits', () => {
  test('say how much is left, and 429 with the time to come back', async () => {
    const { secret } = await newKey(['sync:run']);
    const start = () => call('POST', `/api/sync/vsrx?connection=${CONNECTION}&wait=true`, { key: secret });
    const first = await start();
    expect(first.status).toBe(200);
    expect(first.headers.get('x-ratelimit-limit')).toBe('4');
    expect(first.headers.get('x-ratelimit-remaining')).toBe('3');
    for (let run = 0; run < 3; run++) expect((await start()).status).toBe(200);
    const refused = await start();
    expect([refused.status, typeOf(refused)]).toEqual([429, 'rate_limit_exceeded']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect(refused.body.details.retry_after).toBe(Number(refused.headers.get('retry-after')));
    // Looking is not starting, and another key is another caller.
    const looking = await newKey(['sync:read']);
    expect(await statusOf('GET', '/api/v1/sync/progress/sync_x', { key: looking.secret })).toBe(404);
  });

  test('of guesses are for the address, also for a right key then; others are not concerned', async () => {
    const from = '203.0.113.5';
    const { secret } = await newKey(['sync:read']);
    const wrong = `${secret.slice(0, -4)}AAAA`;
    for (let guess = 0; guess < 10; guess++) {
      expect(await statusOf('GET', '/api/v1/keys', { key: wrong, from })).toBe(401);
    }
    expect(await statusOf('GET', '/api/v1/keys', { key: wrong, from })).toBe(429);
    expect(await statusOf('GET', '/api/v1/sync/progress/sync_x', { key: secret, from })).toBe(429);
    expect(await statusOf('GET', '/api/v1/sync/progress/sync_x', { key: secret, from: '203.0.113.6' })).toBe(404);
    expect(await statusOf('GET', '/health', { from })).toBe(200);
  });
});

describe('the audit log', () => {
  test('tells who did what with which request, and nothing else', async () => {
    const { id, secret } = await newKey(['documents:read', 'audit:read']);
    const document = await call('GET', `/api/documents/${documentId}`, { key: secret });
    expect(document.status).toBe(200);
    await call('GET', '/api/v1/keys', { key: secret });
    const { body } = await call('GET', '/api/v1/audit?limit=500', { key: secret });
    const own = body.entries.filter((entry: { actor: { id: string } }) => entry.actor.id === id);
    expect(own).toMatchObject([
      {
        action: 'document.read',
        actor: { kind: 'key', id },
        subject: { kind: 'document', id: documentId },
        result: 'ok',
        request_id: document.headers.get('x-request-id'),
      },
    ]);
    const actions = new Set(body.entries.map((entry: { action: string }) => entry.action));
    for (const action of ['sync.start', 'document.read', 'key.create', 'key.rotate', 'key.revoke']) {
      expect(actions).toContain(action);
    }
    const next = await call('GET', `/api/v1/audit?limit=2&before=${body.entries[1].id}`, { key: secret });
    expect(next.body.entries.map((entry: { id: number }) => entry.id)).toEqual(
      body.entries.slice(2, 4).map((entry: { id: number }) => entry.id),
    );
    // Another organisation sees its own entries only.
    const other = await newKey(['audit:read'], { organization: OTHER });
    const foreign = await call('GET', '/api/v1/audit', { key: other.secret, organization: OTHER });
    expect(JSON.stringify(foreign.body)).not.toContain(documentId);
  });

  test('holds the refusals, once a minute each, and its chain holds', async () => {
    const entries: { action: string; result: string; details: Record<string, unknown> }[] = [];
    for await (const entry of server.chartsync.audit.read({})) entries.push(entry);
    const denials = entries.filter((entry) => entry.action === 'access.denied');
    expect(denials.every((entry) => entry.result === 'refused')).toBe(true);
    const types = denials.map((entry) => entry.details.type);
    expect(types).toContain('unauthorised');
    expect(types).toContain('insufficient_scope');
    expect((await server.chartsync.audit.verify()).problems).toEqual([]);
    expect(JSON.stringify(entries)).not.toMatch(/cs_[0-9a-z]{16}_/);
  });

  test('and all answers hold no secret', () => {
    expect(secrets.length).toBeGreaterThan(15);
    const text = answers.join('\n');
    for (const secret of [...secrets, server.adminKey]) expect(text).not.toContain(secret);
  });
});

interface Issuer {
  readonly url: string;
  token(
    claims: JWTPayload,
    more?: { expires?: string; audience?: string; issuer?: string; subject?: string | null },
  ): Promise<string>;
  stop(): Promise<void>;
}

/** An OpenID Connect issuer on this machine: discovery, keys, and tokens signed with them. */
async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'sample', alg: 'ES256', use: 'sig' };
  let url = '';
  const http: Server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    } else response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    url,
    token: (claims, more = {}) => {
      const token = new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'sample' })
        .setIssuer(more.issuer ?? url)
        .setAudience(more.audience ?? 'chartsync')
        .setIssuedAt()
        .setExpirationTime(more.expires ?? '5m');
      if (more.subject !== null) token.setSubject(more.subject ?? 'user-1');
      return token.sign(privateKey);
    },
    stop: () => new Promise((resolve) => http.close(() => resolve())),
  };
}
