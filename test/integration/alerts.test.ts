/** Alerts: each problem told once by whichever process, told again, told to be over; nothing lost, nothing private. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMailChannel } from '../../src/channels/mail.ts';
import { createWebhookChannel } from '../../src/channels/webhook.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type AlertMessage, messageOf } from '../../src/domain/alert-message.ts';
import { tellingsOf } from '../../src/domain/alerts.ts';
import { newMessageId } from '../../src/runs/alerts.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import {
  isSigned,
  MAIL_ACCOUNT,
  type MailReceiver,
  receiveMail,
  receiveWebhooks,
  type WebhookReceiver,
} from '../support/alert-receivers.ts';
import { ownCertificate } from '../support/certificate.ts';
import { runCli } from '../support/cli.ts';
import { type DescribedCall, describedClient } from '../support/described-client.ts';
import { freePort } from '../support/free-port.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

const PATH = '/api/v1/alerts';
const ONE = '/api/v1/alerts/{alertId}';
const never = new AbortController().signal;

let setup: PracticeSetup;
let hooks: WebhookReceiver;
let mail: MailReceiver;
let server: RunningServer;
let other: RunningServer;
let call: DescribedCall;
let records: pg.Client;

beforeAll(async () => {
  hooks = await receiveWebhooks();
  mail = await receiveMail();
  setup = await setUpPractice({
    patients: 2,
    attachments: 6,
    sections: {
      alerts: {
        // The receiver's certificate is its own: in the clear, and therefore without a password.
        smtp: { host: '127.0.0.1', port: mail.port, security: 'none', from: 'chartsync@riverside.example' },
        allowedAddresses: ['127.0.0.0/8'],
      },
    },
  });
  const env = { ...setup.environment, CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') };
  const start = async () =>
    serve({
      config: await loadConfig({ env, cwd: setup.folder }),
      database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
    });
  server = await start();
  other = await start();
  call = await describedClient(() => server);
  records = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await records.connect();
});
afterAll(async () => {
  await records?.end();
  await server?.stop();
  await other?.stop();
  await setup?.close();
  await hooks?.close();
  await mail?.close();
});

const webhook = (more: object = {}) => ({
  name: 'Front desk',
  kind: 'connection_paused',
  target: { channel: 'webhook', url: hooks.url },
  ...more,
});
const add = async (body: object): Promise<{ id: string; secret: string }> => {
  const answer = await call('POST', PATH, PATH, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return { id: answer.body.alert.id, secret: answer.body.secret };
};
const remove = (id: string) => call('DELETE', ONE, `${PATH}/${id}`);
const status = async (id: string) =>
  (await call('GET', PATH, PATH)).body.alerts.find((alert: { id: string }) => alert.id === id);
const pause = () => pauseBy('pause');
const resume = () => pauseBy('resume');
async function pauseBy(action: 'pause' | 'resume') {
  const template = `/api/v1/connections/{connectionId}/${action}`;
  const path = `/api/v1/connections/${CONNECTION}/${action}`;
  expect((await call('POST', template, path, action === 'pause' ? { reason: 'a test' } : undefined)).status).toBe(200);
}
const hookEvents = (id: string) =>
  hooks.got.filter(({ message }) => message.alert_id === id).map(({ message }) => message.event);
/** What the metrics say of messages on their way. */
async function outbox(...names: string[]): Promise<number[]> {
  const headers = { authorization: `Bearer ${server.adminKey}` };
  const text = await (await fetch(`${server.url}/metrics`, { headers })).text();
  return names.map((name) =>
    Number(new RegExp(`^alert_outbox_${name}\\{organization="${ORGANIZATION}"\\} (.+)$`, 'm').exec(text)?.[1]),
  );
}
/** Both processes look, again and again and at the same time. */
const bothLook = () =>
  Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      (i % 2 === 0 ? server : other).chartsync.alerts.look(
        ORGANIZATION,
        (rule, facts, told) => tellingsOf(rule, facts, told, Date.now()),
        (rule, telling) => messageOf(rule, telling, newMessageId(), Date.now()),
      ),
    ),
  );

test('two processes tell a problem once, signed and without personal data, then that it is over', async () => {
  const { id, secret } = await add(webhook());
  await pause();
  await bothLook();
  await until(() => hookEvents(id).length > 0);
  await bothLook();
  // Written down after the receiver has it.
  await until(async () => (await status(id)).last_delivery.state === 'sent');
  const [first] = hooks.got.filter(({ message }) => message.alert_id === id);
  expect(isSigned(secret, first!)).toBe(true);
  expect(isSigned('whsec_AAAA', first!)).toBe(false);
  expect(first!.message).toEqual({
    id: first!.headers['webhook-id'],
    event: 'problem',
    kind: 'connection_paused',
    alert_id: id,
    organization_id: ORGANIZATION,
    connection_id: CONNECTION,
    since: expect.stringMatching(/Z$/),
    at: expect.stringMatching(/Z$/),
    threshold: null,
  });
  expect(await status(id)).toMatchObject({
    problems: [{ connection_id: CONNECTION }],
    last_delivery: { event: 'problem', state: 'sent', attempts: 1, code: null },
  });
  await resume();
  await until(() => hookEvents(id).length > 1);
  await bothLook();
  const states = async () =>
    (await records.query('SELECT state FROM alert_outbox WHERE alert_id = $1', [id])).rows.map(({ state }) => state);
  await until(async () => !(await states()).includes('waiting'));
  expect(await states()).toEqual(['sent', 'sent']);
  expect(hookEvents(id)).toEqual(['problem', 'resolved']);
  expect((await status(id)).problems).toEqual([]);
  await remove(id);
});

test('while it lasts it is told again after the time for reminders', async () => {
  const { id } = await add(webhook({ remind_minutes: 60 }));
  await pause();
  await until(() => hookEvents(id).length === 1);
  // An hour later.
  await records.query(`UPDATE alert_problems SET told_at = told_at - interval '61 minutes' WHERE alert_id = $1`, [id]);
  await until(() => hookEvents(id).length === 2);
  expect(hookEvents(id)).toEqual(['problem', 'reminder']);
  await resume();
  await until(() => hookEvents(id).length === 3);
  await remove(id);
});

test('a receiver that refuses gets the same message again, later and in order', async () => {
  hooks.answer(500);
  const { id } = await add(webhook());
  try {
    await pause();
    await until(async () => (await status(id)).last_delivery?.code === 'alert_not_accepted');
    // However long the rest takes: no second try before it is wanted.
    await records.query(`UPDATE alert_outbox SET due_at = now() + interval '1 hour' WHERE alert_id = $1`, [id]);
    expect((await status(id)).last_delivery).toMatchObject({
      state: 'waiting',
      detail: 'It answered with the status 500.',
    });
    await resume();
    await until(async () => (await status(id)).problems.length === 0);
    const [waiting, failing, oldest] = await outbox('waiting', 'failing', 'oldest_age_seconds');
    expect([waiting, failing]).toEqual([2, 1]);
    expect(oldest).toBeGreaterThan(0);
  } finally {
    hooks.answer(204);
  }
  await records.query(`UPDATE alert_outbox SET due_at = now() WHERE alert_id = $1`, [id]);
  await until(
    async () =>
      (await status(id)).last_delivery.event === 'resolved' && (await status(id)).last_delivery.state === 'sent',
  );
  expect(await outbox('waiting', 'failing', 'oldest_age_seconds', 'given_up')).toEqual([0, 0, 0, 0]);
  const events = hooks.got.filter(({ message }) => message.alert_id === id);
  expect(events.map(({ message }) => message.event)).toEqual(['problem', 'problem', 'resolved']);
  expect(events[0]!.message.id).toBe(events[1]!.message.id);
  await remove(id);
});

test('what is still on its way is not told any more when the alert is switched off', async () => {
  hooks.answer(500);
  const { id } = await add(webhook());
  try {
    await pause();
    await until(async () => (await status(id)).last_delivery?.code === 'alert_not_accepted');
    expect((await call('PUT', ONE, `${PATH}/${id}`, webhook({ enabled: false }))).status).toBe(200);
    expect(await outbox('waiting')).toEqual([0]);
  } finally {
    hooks.answer(204);
    await resume();
  }
  const heard = hookEvents(id).length;
  expect((await call('PUT', ONE, `${PATH}/${id}`, webhook({ enabled: true }))).status).toBe(200);
  await pause();
  await until(() => hookEvents(id).length > heard);
  await resume();
  await until(() => hookEvents(id).at(-1) === 'resolved');
  expect(hookEvents(id).slice(heard)).toEqual(['problem', 'resolved']);
  await remove(id);
});

test('a sender that was too late does nothing to a message of another one', async () => {
  hooks.answer(500);
  const { id } = await add(webhook());
  const { alerts } = server.chartsync;
  try {
    await pause();
    await until(async () => (await status(id)).last_delivery?.code === 'alert_not_accepted');
    await server.stop();
    await other.stop();
    await records.query(`UPDATE alert_outbox SET due_at = now() WHERE alert_id = $1`, [id]);
  } finally {
    hooks.answer(204);
  }
  const { chartsync } = await setup.reopen();
  const [early] = await chartsync.alerts.claim(10, 60_000);
  expect(early?.alert.id).toBe(id);
  expect(await chartsync.alerts.claim(10, 60_000)).toEqual([]);
  await records.query(`UPDATE alert_outbox SET held_until = now() - interval '1 second' WHERE alert_id = $1`, [id]);
  const [late] = await chartsync.alerts.claim(10, 60_000);
  expect(late).toMatchObject({ id: early!.id, attempt: early!.attempt + 1 });
  expect(await chartsync.alerts.settle(early!, { state: 'sent' })).toBe(false);
  expect(
    await chartsync.alerts.settle(late!, { state: 'waiting', code: 'alert_unreachable', detail: null, againMs: 0 }),
  ).toBe(true);
  expect(alerts).toBeDefined();
  // What waited is sent by the next process that starts.
  const env = { ...setup.environment, CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64') };
  const again = async () =>
    serve({
      config: await loadConfig({ env, cwd: setup.folder }),
      database: { url: setup.environment.DATABASE_URL, urlOf: () => null, close: async () => undefined },
    });
  server = await again();
  other = await again();
  await until(async () => (await status(id)).last_delivery.state === 'sent');
  await resume();
  await until(() => hookEvents(id).includes('resolved'));
  await remove(id);
});

test('held removals, partial runs, failures, age, differences and a broken audit log are told, by e-mail too', async () => {
  const kinds = ['removals_held', 'run_partial', 'connection_failing', 'not_fresh', 'stores_differ', 'audit_broken'];
  const ids = new Map<string, string>();
  for (const kind of kinds) {
    const target = { channel: 'email', recipients: ['desk@riverside.example', 'it@riverside.example'] };
    ids.set(kind, (await add({ name: kind, kind, remind_minutes: null, target })).id);
  }
  // As runs, comparisons and an intruder would leave them; how they come about is tested elsewhere.
  await records.query(
    `UPDATE connections SET consecutive_failures = 3, last_failure_at = now(), last_failure_code = 'source_unreachable',
            last_success_at = now() - interval '121 minutes' WHERE organization_id = $1`,
    [ORGANIZATION],
  );
  await records.query(
    `INSERT INTO sync_runs (id, organization_id, connection_id, connector, mode, state, outcome, trigger, started_at, finished_at)
     VALUES ('sync_partial', $1, $2, 'vsrx', 'metadata', 'completed', 'partial', 'schedule', now(), now())`,
    [ORGANIZATION, CONNECTION],
  );
  await records.query(
    `INSERT INTO held_sets (id, organization_id, connection_id, run_id, reason, evidence, created_at)
     VALUES ('held_1', $1, $2, 'sync_partial', 'many', '{}', now())`,
    [ORGANIZATION, CONNECTION],
  );
  await records.query(
    `INSERT INTO held_items (organization_id, set_id, document_uuid, unit, reference, absence)
     VALUES ($1, 'held_1', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'missing')`,
    [ORGANIZATION],
  );
  await records.query(
    `WITH c AS (INSERT INTO consistency_checks (organization_id, finished_at) VALUES ($1, now()) RETURNING id)
     INSERT INTO consistency_differences (organization_id, check_id, store, kind, message)
     SELECT $1, id, 'blob', 'missing', 'A document without its content' FROM c`,
    [ORGANIZATION],
  );
  await records.query(`SET session_replication_role = replica`);
  await records.query(`UPDATE audit_log SET actor_id = 'somebody else' WHERE id = 1`);
  await records.query(`SET session_replication_role = DEFAULT`);
  await records.query(`DELETE FROM upkeep WHERE task = 'audit.verify'`);
  for (const kind of kinds) {
    await until(() => mail.got.some(({ text }) => text.includes(ids.get(kind)!)));
  }
  const textOf = (kind: string) =>
    mail.got.filter(({ text }) => text.includes(ids.get(kind)!)).map(({ text }) => text.replaceAll('=\r\n', ''));
  expect(textOf('connection_failing')[0]).toContain('failed 3 times in a row (source_unreachable)');
  expect(textOf('not_fresh')[0]).toMatch(/no successful run for 12\d minutes/);
  expect(textOf('run_partial')[0]).toContain('sync_partial');
  expect(textOf('removals_held')[0]).toMatch(/1 deletion of the connection practice waits/);
  expect(textOf('stores_differ')[0]).toContain('found 1 differences');
  expect(textOf('audit_broken')[0]).toContain('(changed)');
  expect(mail.got[0]).toMatchObject({
    from: 'chartsync@riverside.example',
    to: ['desk@riverside.example', 'it@riverside.example'],
  });
  for (const kind of kinds) expect(textOf(kind), kind).toHaveLength(1);
  for (const id of ids.values()) await remove(id);
});

test('a test really sends, and says what failed exactly', async () => {
  const { id } = await add(webhook({ kind: 'stores_differ' }));
  const run = async (alert: string) => (await call('POST', `${ONE}/test`, `${PATH}/${alert}/test`)).body;
  expect(await run(id)).toMatchObject({ delivered: true, code: null, message: null });
  // The stores do differ: the real alert may come at any time between.
  const tests = () => hookEvents(id).filter((event) => event === 'test');
  expect(tests()).toHaveLength(1);
  hooks.answer(302, { location: hooks.url });
  expect(await run(id)).toMatchObject({
    delivered: false,
    code: 'alert_not_accepted',
    message: expect.stringContaining('status 302'),
    remedy: expect.stringMatching(/./),
  });
  // A redirect could lead to where nothing may go.
  expect(tests()).toHaveLength(2);
  hooks.answer(204);
  const closed = await add(webhook({ target: { channel: 'webhook', url: `http://127.0.0.1:${await freePort()}/` } }));
  expect(await run(closed.id)).toMatchObject({
    code: 'alert_unreachable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  const target = { channel: 'email', recipients: ['nobody@riverside.example'] };
  const letter = await add({ name: 'mail', kind: 'stores_differ', target });
  mail.refuse(550);
  expect(await run(letter.id)).toMatchObject({ code: 'alert_not_accepted', message: expect.stringContaining('550') });
  mail.refuse(null);
  expect(await run(letter.id)).toMatchObject({ delivered: true });
  const letters = mail.got.filter(({ to, text }) => to.includes(target.recipients[0]!) && text.includes('] Test'));
  expect(letters).toHaveLength(1);
  expect(letters[0]?.text).toContain('Subject: [Chartsync] Test');
  const { entries } = (await call('GET', '/api/v1/audit', '/api/v1/audit?action=alert.test')).body;
  expect(entries[0]).toMatchObject({ subject: { kind: 'alert', id: letter.id }, details: { code: null } });
  for (const made of [id, closed.id, letter.id]) await remove(made);
});

test('addresses that are not public are refused, whatever name they have', async () => {
  const strict = createWebhookChannel({ allowedAddresses: [], version: '0' });
  const message = { id: 'msg_1', event: 'test' } as AlertMessage;
  for (const url of [
    hooks.url,
    `http://localhost:${hooks.port}/`,
    `https://localhost:${hooks.port}/`,
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://2130706433/',
    'http://169.254.169.254/',
  ]) {
    const failure = await strict.send(url, 'whsec_AAAA', message, never).catch((error) => error);
    expect(failure.code, url).toBe('alert_address_refused');
  }
  const wrong = await call('POST', PATH, PATH, webhook({ target: { channel: 'webhook', url: 'https://10.0.0.1/x' } }));
  expect(wrong.body.validationErrors).toEqual([
    { field: 'target.url', message: expect.stringContaining('not public') },
  ]);
});

test('a mail server that does not know us says so, by its code', async () => {
  const settings = { host: '127.0.0.1', port: mail.port, security: 'none', from: 'a@b.example' } as const;
  const message = hooks.got[0]!.message;
  const good = createMailChannel({ ...settings, username: MAIL_ACCOUNT.user, password: MAIL_ACCOUNT.password });
  await good.send(['desk@riverside.example'], message, never);
  const bad = createMailChannel({ ...settings, username: 'chartsync', password: 'wrong' });
  const failure = await bad.send(['desk@riverside.example'], message, never).catch((error) => error);
  expect(failure).toMatchObject({ code: 'alert_not_accepted', detail: expect.stringMatching(/answered 535 to AUTH/) });
  // The password never goes in the clear when that was not asked for.
  for (const security of ['tls', 'starttls'] as const) {
    const safe = createMailChannel({
      ...settings,
      security,
      username: MAIL_ACCOUNT.user,
      password: MAIL_ACCOUNT.password,
    });
    const refused = await safe.send(['desk@riverside.example'], message, never).catch((error) => error);
    expect(['alert_unreachable', 'alert_not_accepted'], security).toContain(refused.code);
    expect(refused.detail, security).not.toContain('AUTH');
  }
});

test('by STARTTLS mail goes encrypted, and a password only to a server whose certificate is trusted', async () => {
  const own = ownCertificate();
  const receiver = await receiveMail(own);
  try {
    const smtp = {
      host: '127.0.0.1',
      port: receiver.port,
      security: 'starttls',
      username: MAIL_ACCOUNT.user,
      password: MAIL_ACCOUNT.password,
      from: 'chartsync@riverside.example',
    } as const;
    // Nobody has vouched for it here.
    const refused = await createMailChannel(smtp)
      .send(['desk@riverside.example'], hooks.got[0]!.message, never)
      .catch((error) => error);
    expect(refused.code).toBe('alert_unreachable');
    expect([receiver.got.length, receiver.passwords]).toEqual([0, 0]);

    const { id } = await add({
      name: 'By mail',
      kind: 'stores_differ',
      target: { channel: 'email', recipients: ['desk@riverside.example'] },
    });
    const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
    const config = join(setup.folder, 'starttls.json');
    const trusted = join(setup.folder, 'mail.pem');
    await writeFile(config, JSON.stringify({ ...file, alerts: { ...file.alerts, smtp } }));
    await writeFile(trusted, own.certificate);
    const env = { ...setup.environment, CHARTSYNC_CONFIG: config, NODE_EXTRA_CA_CERTS: trusted };
    const sent = await runCli(['--json', 'alerts', 'test', id], { cwd: setup.folder, env });
    expect([sent.code, sent.stderr]).toEqual([0, '']);
    expect(receiver.got).toEqual([
      expect.objectContaining({ secure: true, user: MAIL_ACCOUNT.user, to: ['desk@riverside.example'] }),
    ]);
    await remove(id);
  } finally {
    await receiver.close();
  }
});

test('an alert is changed as a whole; a new address gets a new secret; mistakes have their field', async () => {
  const { id, secret } = await add(webhook({ kind: 'not_fresh', connection_id: null, threshold: null }));
  expect(await status(id)).toMatchObject({
    connection_id: null,
    threshold: 120,
    remind_minutes: 1440,
    enabled: true,
  });
  const put = (body: object) => call('PUT', ONE, `${PATH}/${id}`, body);
  const same = await put(webhook({ kind: 'not_fresh', threshold: 30, remind_minutes: null, enabled: false }));
  expect(same.body).toMatchObject({ secret: null, alert: { threshold: 30, remind_minutes: null, enabled: false } });
  const moved = await put(webhook({ target: { channel: 'webhook', url: `${hooks.url}/other` }, enabled: false }));
  expect(moved.body.secret).toMatch(/^whsec_/);
  expect(moved.body.secret).not.toBe(secret);
  for (const [wrong, field] of [
    [{ connection_id: 'nobody' }, 'connection_id'],
    [{ kind: 'stores_differ', connection_id: CONNECTION }, 'connection_id'],
    [{ kind: 'run_partial', threshold: 3 }, 'threshold'],
    [{ target: { channel: 'email', recipients: ['not an address'] } }, 'target.recipients'],
  ] as const) {
    const answer = await put(webhook(wrong));
    expect([answer.status, answer.body.validationErrors?.[0]?.field], field).toEqual([400, field]);
  }
  await remove(id);
  expect((await put(webhook())).status).toBe(404);
  const operator = (await call('POST', '/api/v1/keys', '/api/v1/keys', { name: 'o', role: 'operator' })).body.secret;
  expect((await call('GET', PATH, PATH, undefined, operator)).status).toBe(403);
});

test('a webhook gets a new secret, which signs everything from then on; an e-mail has none', async () => {
  const { id, secret } = await add(webhook());
  const renewed = await call('POST', `${ONE}/secret`, `${PATH}/${id}/secret`);
  expect(renewed.status).toBe(200);
  expect(renewed.body.secret).toMatch(/^whsec_/);
  expect(renewed.body.alert).toMatchObject({ id, target: { channel: 'webhook', url: hooks.url } });
  expect((await call('POST', `${ONE}/test`, `${PATH}/${id}/test`)).body.delivered).toBe(true);
  const last = hooks.got.at(-1)!;
  expect([isSigned(renewed.body.secret, last), isSigned(secret, last)]).toEqual([true, false]);
  const { rows } = await records.query(`SELECT details FROM audit_log WHERE action = 'alert.secret'`);
  expect(JSON.stringify(rows)).not.toContain('whsec_');
  expect(rows).toHaveLength(1);
  await remove(id);
  expect((await call('POST', `${ONE}/secret`, `${PATH}/${id}/secret`)).status).toBe(404);
  const mailed = await add({
    name: 'By mail',
    kind: 'connection_paused',
    target: { channel: 'email', recipients: ['desk@riverside.example'] },
  });
  expect((await call('POST', `${ONE}/secret`, `${PATH}/${mailed.id}/secret`)).status).toBe(409);
  await remove(mailed.id);
});

test('the command line lists and tries alerts, and seals their secrets with a new encryption key', async () => {
  const { id, secret } = await add(webhook({ kind: 'stores_differ' }));
  const text = JSON.stringify((await records.query('SELECT * FROM alerts')).rows);
  expect(text).not.toContain(secret.slice(6));
  const former = Buffer.alloc(32, 7).toString('base64');
  const run = (args: string[], env = {}) =>
    runCli(['--json', ...args], {
      cwd: setup.folder,
      env: { ...setup.environment, CHARTSYNC_ENCRYPTION_KEY: former, ...env },
    });
  const listed = await run(['alerts', 'list']);
  expect(listed.lines).toContainEqual(expect.objectContaining({ type: 'alert', id, kind: 'stores_differ' }));
  const newKey = { CHARTSYNC_ENCRYPTION_KEY: Buffer.alloc(32, 8).toString('base64') };
  const rotated = await run(['key', 'rotate-encryption'], { ...newKey, CHARTSYNC_ENCRYPTION_KEYS_OLD: former });
  expect(rotated.lines).toContainEqual(expect.objectContaining({ alerts: { sealed: 1, unreadable: [] } }));
  // The former key is not needed any more, and the secret is the same.
  expect((await run(['alerts', 'test', id], newKey)).code).toBe(0);
  expect(isSigned(secret, hooks.got.at(-1)!)).toBe(true);
  hooks.answer(500);
  const failed = await run(['alerts', 'test', id], newKey);
  hooks.answer(204);
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('alert_not_accepted')]);
  expect((await run(['alerts', 'test', 'alert_nobody'])).code).toBe(2);
  await remove(id);
});
