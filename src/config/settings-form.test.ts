/** Settings that are chosen beside the file, of each kind of connection. And the mail server, which is in the file alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Config } from './config.ts';
import { loadConfig } from './load.ts';
import { ConfigError } from './mistake.ts';
import { fieldsOf } from './settings-form.ts';

const SECRET = 's3cr3t-Zebra';
let cwd: string;
let config: Config;

async function load(file: unknown, env: Record<string, string> = {}): Promise<Config> {
  await writeFile(join(cwd, 'chartsync.yaml'), JSON.stringify(file));
  return loadConfig({ env, cwd });
}

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'chartsync-settings-'));
  const organization = {
    id: 'org',
    timeZone: 'Australia/Sydney',
    connections: [
      {
        id: 'vsrx',
        connector: 'vsrx',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration has placeholders of this form
        settings: { database: `mysql://u:${SECRET}@h:3306/d`, fileBasePath: '${BASE}', timeouts: { query: '20s' } },
      },
      { id: 'cliniko', connector: 'cliniko', settings: { contactEmail: 'it@riverside.example' } },
      {
        id: 'idexx',
        connector: 'idexx',
        settings: {
          portalUrl: 'https://us.idexxneo.com',
          clinicId: '5d1c3e7a-0b42-4f86-9a17-2e60c8d4b935',
          consultations: { every: '60m' },
        },
      },
    ],
  };
  config = await load({ organizations: [organization] }, { BASE: '/srv/files' });
});
afterAll(() => rm(cwd, { recursive: true }));

const field = (connection: string, name: string, chosen = {}) =>
  config.connectionSettings.form('org', connection, chosen)?.find((f) => f.name === name);
function resolved(connection: string, chosen: Record<string, unknown>) {
  const found = config.connectionSettings.resolve('org', connection, chosen);
  if ('mistakes' in found) throw new Error(JSON.stringify(found.mistakes));
  return found.connection;
}
const mistakes = (connection: string, chosen: Record<string, unknown>) => {
  const found = config.connectionSettings.resolve('org', connection, chosen);
  return 'mistakes' in found ? found.mistakes.map(({ name, message }) => `${name}: ${message}`) : [];
};

test('every setting of every connector has words for people', () => {
  for (const connector of ['vsrx', 'cliniko', 'idexx'] as const) {
    for (const { name, title, help } of fieldsOf(connector)) {
      expect([title === name, help.length > 10], `${connector} ${name}`).toEqual([false, true]);
    }
  }
});

test('it is told who said what: file, environment, default, person', () => {
  expect(field('vsrx', 'timeouts.query')).toMatchObject({ value: '20s', configured: '20s', from: 'file' });
  expect(field('vsrx', 'fileBasePath')).toMatchObject({ value: '/srv/files', from: 'environment' });
  expect(field('vsrx', 'activate')).toMatchObject({ value: 'recorded', from: 'default' });
  expect(field('vsrx', 'activate', { activate: 'all' })).toMatchObject({
    value: 'all',
    configured: 'recorded',
    from: 'person',
  });
  expect(field('vsrx', 'database')?.value).toBe('mysql://h:3306/d');
  expect(JSON.stringify(config.connectionSettings.form('org', 'vsrx', {}))).not.toContain(SECRET);
  expect(config.connectionSettings.form('org', 'nobody', {})).toBeNull();
});

test('what is chosen counts before the file, one setting at a time', () => {
  const vsrx = resolved('vsrx', { 'timeouts.connect': '5s', pathPrefixes: [] });
  expect(vsrx.settings).toMatchObject({ timeouts: { connectMs: 5000, queryMs: 20_000 }, pathPrefixes: [] });
  expect(resolved('vsrx', { 'timeouts.query': null }).settings).toMatchObject({ timeouts: { queryMs: 60_000 } });
  const pause = { name: 'Lunch', from: '12:00', to: '13:00', on: ['mon'] };
  expect(resolved('idexx', { breaks: [pause], 'consultations.daysBack': 3 }).settings).toMatchObject({
    breaks: [{ name: 'Lunch', days: [1] }],
    consultationDaysBack: 3,
    consultationsEveryMs: 3_600_000,
  });
  expect(resolved('idexx', { 'consultations.every': null }).settings).toMatchObject({ consultationsEveryMs: null });
  expect(resolved('cliniko', { requestsPerMinute: 100, notes: true }).settings).toMatchObject({
    requestsPerMinute: 100,
    notes: true,
  });
  // The one of the file has not changed.
  expect(config.organizations[0]?.connections[0]?.settings).toMatchObject({ pathPrefixes: ['notes/'] });
});

test.each([
  ['vsrx', { 'timeouts.query': 'soon' }, /^timeouts\.query: expected a time from 100ms/],
  ['vsrx', { maxFileSize: '9TB' }, /^maxFileSize: expected a size/],
  ['cliniko', { requestsPerMinute: 'unlimited' }, /^requestsPerMinute: unlimited is for stand-ins/],
  ['cliniko', { contactEmail: null }, /^contactEmail: is missing/],
  ['idexx', { daysAhead: 99 }, /^daysAhead: expected a whole number from 1 to 60/],
  ['idexx', { breaks: [{ name: 'x', from: '13:00', to: '12:00', on: ['mon'] }] }, /^breaks: \[0\]\.to is not after/],
  ['idexx', { 'consultations.every': null, 'consultations.daysBack': 3 }, /^consultations\.every: is missing/],
] as const)('%s: %j is refused where it belongs', (connection, chosen, expected) => {
  expect(mistakes(connection, chosen)).toEqual([expect.stringMatching(expected)]);
});

test.each([
  ['vsrx', 'database'],
  ['vsrx', 'fileBasePath'],
  ['vsrx', 'mapping'],
  ['cliniko', 'baseUrl'],
  ['idexx', 'portalUrl'],
  ['idexx', 'clinicId'],
])('%s: which source it is (%s) stays in the file', (connection, name) => {
  expect(config.connectionSettings.refused('org', connection, [name])).toHaveLength(1);
  expect(config.connectionSettings.refused('org', connection, ['toString'])).toHaveLength(1);
});

test('the mail server: from the file, else from variables; no password in the clear', async () => {
  const smtp = { host: 'mail.example', username: 'u', password: SECRET, from: 'a@b.example' };
  expect((await load({ alerts: { smtp } })).alerts.smtp).toMatchObject({ port: 587, security: 'starttls' });
  const env = { CHARTSYNC_SMTP_URL: 'smtps://u:p%40ss@mail.example', CHARTSYNC_SMTP_FROM: 'a@b.example' };
  expect((await load({}, env)).alerts.smtp).toEqual({
    host: 'mail.example',
    port: 465,
    security: 'tls',
    username: 'u',
    password: 'p@ss',
    from: 'a@b.example',
  });
  for (const [file, variables, message] of [
    [{ alerts: { smtp: { ...smtp, security: 'none' } } }, {}, /in the clear/],
    [{ alerts: { smtp: { host: 'h', username: 'u', from: 'a@b.example' } } }, {}, /go together/],
    [{ alerts: { smtp: { ...smtp, from: 'nobody' } } }, {}, /e-mail address/],
    [{ alerts: { allowedAddresses: ['everywhere'] } }, {}, /an address or range/],
    [{}, { CHARTSYNC_SMTP_URL: 'smtp://h' }, /is missing/],
    [{}, { ...env, CHARTSYNC_SMTP_URL: 'smtp://u:p@h?tls=off' }, /in the clear/],
    [{}, { ...env, CHARTSYNC_SMTP_URL: 'http://h' }, /a URL such as smtp/],
  ] as const) {
    const failure = await load(file, variables).catch((error) => error);
    expect(failure, JSON.stringify(file)).toBeInstanceOf(ConfigError);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain(SECRET);
  }
});
