/** Keys and the audit log by the command line. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { CONNECTION, ORGANIZATION, type PracticeSetup, setUpPractice } from '../support/practice-setup.ts';

let setup: PracticeSetup;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 3, attachments: 12 });
});
afterAll(async () => {
  await setup?.close();
});

const surroundings = () => ({ cwd: setup.folder, env: { ...setup.environment, USER: 'tester' } });
const cli = (...args: string[]) => runCommand(args, surroundings());
/** Each command once. */
const cliProcess = (...args: string[]) => runCli(args, surroundings());

describe('key', () => {
  test('from its making to its end', async () => {
    expect((await cli('key', 'list')).stdout).toBe('There is no key. Make one with "chartsync key create".\n');
    const made = await cliProcess('key', 'create', '--name', 'front desk', '--role', 'operator', '--expires', '90d');
    expect(made.code).toBe(0);
    const [secret, id] = /^cs_([0-9a-z]{16})_[\w-]{43}/.exec(made.stdout)!;
    expect(made.stdout).toContain('only time');
    const list = await cliProcess('key', 'list');
    expect(list.stdout).toMatch(new RegExp(`${id}.*front desk.*active.*documents:read`));
    expect(list.stdout).not.toContain(secret);

    const rotated = await cliProcess('key', 'rotate', id!, '--overlap', '1h', '--json');
    expect(rotated.lines).toMatchObject([{ type: 'key', name: 'front desk', secret: expect.stringMatching(/^cs_/) }]);
    expect((await cli('key', 'rotate', id!)).code).toBe(2);
    const successor = String(rotated.lines[0]!.id);
    expect((await cliProcess('key', 'revoke', successor)).stdout).toBe(`The key ${successor} is revoked.\n`);
    expect((await cli('key', 'revoke', successor)).stdout).toBe(`The key ${successor} was revoked before.\n`);
    const states = (await cli('key', 'list', '--json')).lines.map((key) => [key.id, key.state, key.rotatedTo]);
    expect(states).toEqual([
      [id, 'active', successor],
      [successor, 'revoked', null],
    ]);
  });

  test.concurrent.each([
    [['key'], /Usage: chartsync key/],
    [['key', 'create'], /required option '--name <text>'/],
    [['key', 'create', '--name', 'x'], /Give either --role or --scope\./],
    [['key', 'create', '--name', 'x', '--role', 'king'], /viewer, operator, administrator/],
    [['key', 'create', '--name', 'x', '--scope', 'all'], /There is no scope "all"\. Known: sync:read/],
    [['key', 'create', '--name', 'x', '--role', 'viewer', '--expires', 'soon'], /--expires wants a time/],
    [['key', 'create', '--name', 'x', '--role', 'viewer', '--organization', 'no'], /There is no organisation "no"/],
    [['key', 'revoke', 'none'], /There is no key none\. See "chartsync key list"/],
    [['audit', 'verify', '--anchor', 'x'], /--anchor wants what "audit verify" told/],
    [['audit', 'export', '--since', 'yesterday'], /--since wants an instant/],
  ])('%j is bad usage', async (args, err) => {
    const result = await cli(...args);
    expect(result.stderr).toMatch(err);
    expect([result.code, result.stdout]).toEqual([2, '']);
  });
});

describe('audit', () => {
  test('holds what was done by commands, exports it, and notices every change', async () => {
    expect((await cli('sync', CONNECTION)).code).toBe(3);
    const entries = (await cliProcess('audit', 'export')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sync = entries.find((entry) => entry.action === 'sync.run');
    expect(sync).toMatchObject({
      organizationId: ORGANIZATION,
      actor: { kind: 'command_line', id: 'tester' },
      subject: { kind: 'connection', id: CONNECTION },
      result: 'ok',
      details: { mode: 'quick', outcome: 'partial' },
    });
    expect(entries.map((entry) => entry.action)).toEqual(
      expect.arrayContaining(['key.create', 'key.rotate', 'key.revoke']),
    );
    expect((await cli('audit', 'export', '--until', '2020-01-01')).stdout).toBe('');

    const verified = await cli('audit', 'verify');
    expect(verified.code).toBe(0);
    const anchor = /--anchor (\d+:[0-9a-f]{64})/.exec(verified.stdout)![1]!;
    expect((await cli('audit', 'verify', '--anchor', anchor)).code).toBe(0);

    const client = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
    await client.connect();
    await client.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
    await client.query(`UPDATE audit_log SET action = 'nothing' WHERE id = $1`, [sync.id]);
    await client.end();
    const changed = await cliProcess('audit', 'verify', '--json');
    expect(changed.code).toBe(3);
    expect(changed.lines).toMatchObject([
      { type: 'problem', kind: 'changed', id: sync.id },
      { type: 'verified', problems: 1 },
    ]);
  });
});
