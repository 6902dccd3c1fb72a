/** Each command as a user types it: what it prints, what it changes and its exit code. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliResult, runCli, startCli } from '../support/cli.ts';
import { runCommand } from '../support/command.ts';
import { testDatabase } from '../support/postgres.ts';
import {
  CONNECTION,
  expectConverged,
  ORGANIZATION,
  type PracticeSetup,
  setUpPractice,
  storedState,
} from '../support/practice-setup.ts';

const TABLE = /[┌│]/;
const NOBODY = '00000000-0000-4000-8000-000000000000';

let setup: PracticeSetup;

beforeAll(async () => {
  setup = await setUpPractice({ patients: 6, attachments: 40 });
});
afterAll(async () => {
  await setup?.close();
});

const surroundings = () => ({ cwd: setup.folder, env: setup.environment });
const cli = (...args: string[]) => runCommand(args, surroundings());
/** Each command once; without a process all else is the same. */
const cliProcess = (...args: string[]) => runCli(args, surroundings());
const runIds = async () => (await setup.chartsync.runs.runs(setup.connection.settings, 100)).map((run) => run.id);
const documents = () => setup.connection.ports.records.countDocuments(setup.connection.settings);
const linesOf = (result: CliResult, type: string) => result.lines.filter((line) => line.type === type);

/** With `--json` every line is JSON with a type, on both outputs. */
function expectJson(result: CliResult): void {
  for (const line of `${result.stdout}${result.stderr}`.split('\n')) {
    if (line !== '') expect(JSON.parse(line)).toMatchObject({ type: expect.any(String) });
  }
}

describe('usage', () => {
  test.concurrent.each([
    { args: ['--help'], as: cliProcess, code: 0, out: /held[\s\S]*Exit codes: 0 done[\s\S]*docs\/errors\.md/ },
    { args: ['--version'], code: 0, out: /^\d+\.\d+\.\d+\n$/ },
    { args: ['sync', '--help'], code: 0, out: /--dry-run[\s\S]*Global Options:[\s\S]*--json/ },
    { args: ['help', 'held'], code: 0, out: /approve[\s\S]*reject/ },
    { args: [], code: 2, err: /Usage: chartsync/ },
    { args: ['held'], code: 2, err: /Usage: chartsync held/ },
    { args: ['snyc', CONNECTION], as: cliProcess, code: 2, err: /unknown command 'snyc'\n.*Did you mean sync\?/ },
    { args: ['sync', CONNECTION, '--dryrun'], code: 2, err: /unknown option '--dryrun'\n.*--dry-run/ },
    { args: ['held', 'list', '--some'], code: 2, err: /unknown option '--some'/ },
    { args: ['sync'], code: 2, err: /missing required argument 'connection'/ },
    { args: ['sync', CONNECTION, 'more'], code: 2, err: /too many arguments/ },
    { args: ['sync', CONNECTION, '--mode', 'slow'], code: 2, err: /quick, deep, checksum/ },
    {
      args: ['sync', 'elsewhere'],
      as: cliProcess,
      code: 2,
      err: /^There is no connection "elsewhere"\. Configured: practice\.\n$/,
    },
    { args: ['plan', CONNECTION, '--patient', 'Zoe'], code: 2, err: /--patient wants the UUID of a patient/ },
    {
      args: ['plan', CONNECTION, '--out', 'no/such/plan'],
      code: 2,
      err: /cannot be written to no\/such\/plan \(ENOENT/,
    },
    { args: ['plan', CONNECTION, '--out', '.'], code: 2, err: /is a folder/ },
    { args: ['apply-plan', 'no-plan'], code: 2, err: /There is no file no-plan/ },
    { args: ['apply-plan', '.'], code: 2, err: /cannot be read \(EISDIR\)/ },
    { args: ['runs', CONNECTION, '--limit', 'many'], code: 2, err: /--limit wants a number from 1 to 1000/ },
    { args: ['held', 'approve', 'held_none'], code: 2, err: /There is no held set held_none/ },
    { args: ['failures', CONNECTION, '--skip', 'none'], code: 2, err: /There is no failure none of practice/ },
    { args: ['status', '--config', 'other.yaml'], code: 2, err: /other\.yaml\n.*there is no such file/ },
  ])('$args → $code', async ({ args, as = cli, code, out, err }) => {
    const result = await as(...args);
    expect(result.stdout).toMatch(out ?? /^$/);
    expect(result.stderr).toMatch(err ?? /^$/);
    expect(result.code).toBe(code);
  });

  test('a wrong chartsync.yaml: every mistake with its place, and nothing of its values', async () => {
    const file = join(setup.folder, 'wrong.yaml');
    await writeFile(
      file,
      `organizations:
  - id: org_test
    timeZone: Australia/Nowhere
    connections:
      - id: practice
        connector: vsrx
        shedule: manual
        settings: { database: "mysql://u:secret-word@host", maxFileSize: huge }
`,
    );
    const [people, programs] = await Promise.all([
      cliProcess('status', '--config', file),
      cli('status', '--config', file, '--json'),
    ]);
    expect([people.code, programs.code]).toEqual([2, 2]);
    expect(people.stderr).toContain('The configuration has 4 mistakes:');
    expect(people.stderr).toContain('organizations[0].timeZone (wrong.yaml:3:');
    expect(people.stderr).toContain('Did you mean "schedule"?');
    expectJson(programs);
    expect(JSON.parse(programs.stderr)).toMatchObject({ code: 'config_invalid', mistakes: { length: 4 } });
    expect(people.stderr + programs.stderr).not.toContain('secret-word');
  });

  test('whoever stops reading the output does not disturb the command', async () => {
    const reader = startCli(['status', '--json'], surroundings());
    reader.child.stdout!.destroy();
    expect(await reader.result).toMatchObject({ code: 0, stderr: '' });
  });
});

test('before the first run: sentences, no empty tables, and a plan changes nothing', async () => {
  const [runs, failures, held, json, plan] = await Promise.all([
    cli('runs', CONNECTION),
    cli('failures', CONNECTION),
    cli('held', 'list'),
    cliProcess('sync', CONNECTION, '--dry-run', '--json'),
    cli('plan', CONNECTION),
  ]);
  expect([runs.stdout, failures.stdout, held.stdout]).toEqual([
    'There was no run yet.\n',
    'Nothing failed.\n',
    'Nothing is held.\n',
  ]);
  expectJson(json);
  const summary = linesOf(json, 'plan')[0] as { changes: { add: number } };
  expect(linesOf(json, 'change')).toHaveLength(summary.changes.add);
  expect(plan.stdout).toMatch(TABLE);
  expect(plan.stdout).toContain(`Would add ${summary.changes.add}, `);
  expect([json.code, plan.code]).toEqual([0, 0]);
  expect({ runs: await runIds(), documents: await documents() }).toEqual({ runs: [], documents: 0 });
});

test('plan --out and apply-plan: exactly that, once, and never a cut or edited file', async () => {
  const plan = join(setup.folder, 'plan.ndjson');
  expect(await cliProcess('plan', CONNECTION, '--out', plan)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`chartsync apply-plan ${plan}`),
  });
  const text = await readFile(plan, 'utf8');
  const lines = text.trimEnd().split('\n');
  await Promise.all([
    writeFile(`${plan}-cut`, lines.slice(0, -1).join('\n')),
    writeFile(`${plan}-edited`, text.replace('"kind":"add"', '"kind":"adt"')),
    writeFile(`${plan}-shortened`, [...lines.slice(0, 3), ...lines.slice(4)].join('\n')),
    writeFile(`${plan}-empty`, ''),
  ]);
  const refused = await Promise.all(
    ['cut', 'edited', 'shortened', 'empty'].map((kind) => cli('apply-plan', `${plan}-${kind}`, '--json')),
  );
  for (const result of refused) {
    expectJson(result);
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stderr)).toMatchObject({ code: 'plan_stale', remedy: 'Make a new plan.' });
  }
  expect({ runs: await runIds(), documents: await documents() }).toEqual({ runs: [], documents: 0 });

  // What came after the plan is not part of it.
  const [late] = await setup.source.execute<{ id: number; uuid: string }>(
    `SELECT id, lower(file_uuid) AS uuid FROM ax_notes_attachments WHERE file LIKE '%.pdf' AND id > 20
     AND file_uuid IS NOT NULL ORDER BY id LIMIT 1`,
  );
  await setup.source.execute(`UPDATE ax_notes_attachments SET file_uuid = ? WHERE id = ?`, [NOBODY, late!.id]);
  const applied = await cliProcess('apply-plan', plan, '--json');
  expectJson(applied);
  expect(applied.code).toBe(3);
  const references = async () =>
    Object.values(await storedState(setup.connection)).flatMap((files) => Object.keys(files));
  expect(await references()).toContain(late!.uuid);
  expect(await references()).not.toContain(NOBODY);
  expect(linesOf(applied, 'result')).toMatchObject([{ state: 'completed', outcome: 'partial' }]);

  const again = await cli('apply-plan', plan);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('The connection had another run since. [plan_stale]');
  expect((await cliProcess('sync', CONNECTION, '--json')).code).toBe(3);
  await expectConverged(setup);
});

test('failures: listed with what to do, skipped and tried again; a sync without any ends with 0', async () => {
  const listed = await cliProcess('failures', CONNECTION, '--json');
  expectJson(listed);
  const ids = linesOf(listed, 'failure').map((failure) => String(failure.id));
  expect(ids.length).toBeGreaterThan(3);
  const people = await cli('failures', CONNECTION);
  expect(people.stdout).toMatch(TABLE);
  expect(people.stdout).toContain('file_missing: The source has a record of this file but the share has no such file.');

  // One unknown id: none of the others is touched.
  expect((await cli('failures', CONNECTION, '--skip', ids[0]!, 'none')).code).toBe(2);
  const states = async () =>
    (await setup.connection.ports.runs.openFailures(setup.connection.settings)).map((failure) => failure.state);
  expect(await states()).not.toContain('skipped');

  const skipped = await cliProcess('failures', CONNECTION, '--skip', 'all');
  expect(skipped.stdout).toContain(`${ids.length} marked: skip.`);
  const good = await cli('sync', CONNECTION, '--json');
  expect(good.code).toBe(0);
  expect(linesOf(good, 'result')).toMatchObject([{ outcome: 'success', counts: { failed: 0, skipped: ids.length } }]);
  expect(linesOf(good, 'started')).toHaveLength(1);
  expect(linesOf(good, 'progress').length).toBeGreaterThan(0);

  expect((await cli('failures', CONNECTION, '--retry', ids[0]!, ids[1]!)).stdout).toContain('2 marked: retry.');
  const partial = await cli('sync', CONNECTION);
  expect(partial.code).toBe(3);
  expect(partial.stdout).toMatch(/failed +│ +2 /);
  expect(partial.stdout).toContain(`See what failed and why: chartsync failures ${CONNECTION}`);
});

test('status and runs', async () => {
  const [status, json, runs, newest] = await Promise.all([
    cli('status'),
    cliProcess('status', '--json'),
    cliProcess('runs', CONNECTION),
    cli('runs', CONNECTION, '--limit', '1', '--json'),
  ]);
  expectJson(json);
  expect(linesOf(json, 'connection')).toMatchObject([
    { connectionId: CONNECTION, documents: await documents(), openFailures: expect.any(Number), heldItems: 0 },
  ]);
  expect(status.stdout).toContain('Items failed: chartsync failures <connection>');
  for (const id of await runIds()) expect(runs.stdout).toContain(id);
  expect(linesOf(newest, 'run').map((run) => run.id)).toEqual((await runIds()).slice(0, 1));
});

test('too many removals: exit 4, then a person approves or rejects', async () => {
  const before = await documents();
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id % 2 = 0');
  const planned = await cli('plan', CONNECTION);
  expect(planned.stdout).toContain('The deletions would be held for approval:');
  const held = await cliProcess('sync', CONNECTION);
  expect(held.code).toBe(4);
  expect(held.stdout).toContain('chartsync held list');
  expect(await documents()).toBe(before);
  const [people, json] = await Promise.all([cliProcess('held', 'list'), cli('held', 'list', '--json')]);
  expect(people.stdout).toMatch(TABLE);
  expectJson(json);
  const [first] = linesOf(json, 'set') as { id: string; itemCount: number }[];
  const items = await cli('held', 'list', first!.id, '--json');
  expect(linesOf(items, 'item')).toHaveLength(first!.itemCount);

  const rejected = await cliProcess('held', 'reject', first!.id, '--note', 'an accident');
  expect(rejected).toMatchObject({ code: 0, stdout: `${first!.itemCount} items are kept.\n` });
  const late = await cli('held', 'approve', first!.id);
  expect(late.code).toBe(1);
  expect(late.stderr).toContain('The set is rejected, not pending. [plan_stale]');
  expect(await documents()).toBe(before);
  expect((await cli('held', 'list')).stdout).toBe('Nothing is held.\n');
  expect((await cli('held', 'list', '--all')).stdout).toContain(first!.id);

  // Shown once more and gone again: a new question.
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = FALSE');
  await cli('sync', CONNECTION);
  await setup.source.execute('UPDATE ax_notes_attachments SET deleted = TRUE WHERE id % 2 = 0');
  expect((await cli('sync', CONNECTION)).code).toBe(4);
  const [second] = linesOf(await cli('held', 'list', '--json'), 'set') as { id: string; itemCount: number }[];
  const approved = await cliProcess('held', 'approve', second!.id, '--json');
  expectJson(approved);
  expect(approved.code).toBe(0);
  expect(await documents()).toBe(before - second!.itemCount);
  await expectConverged(setup);
});

test('verify: 0 without a difference, 3 with one, and it names the content that is gone', async () => {
  const failing = new Set(
    (await setup.connection.ports.runs.openFailures(setup.connection.settings)).map((failure) => failure.unit),
  );
  const [unit, files] = Object.entries(await storedState(setup.connection)).find(([unit]) => !failing.has(unit))!;
  const fine = await cli('verify', CONNECTION, '--content', '--patient', unit);
  expect(fine).toMatchObject({ code: 0, stderr: '' });
  expect(fine.stdout).not.toMatch(TABLE);
  expect(fine.stdout).toMatch(/: no difference\.\n$/);
  const [sha256] = Object.values(files);
  await rm(join(setup.config.home, 'blobs', ORGANIZATION, sha256!.slice(0, 2), sha256!));
  const [people, json] = await Promise.all([
    cli('verify', CONNECTION, '--patient', unit),
    cliProcess('verify', CONNECTION, '--json'),
  ]);
  expect([people.code, json.code]).toEqual([3, 3]);
  expect(people.stdout).toMatch(TABLE);
  expectJson(json);
  expect(linesOf(json, 'difference')).toEqual(
    expect.arrayContaining([expect.objectContaining({ store: 'blob', kind: 'missing', sha256 })]),
  );
  await cli('sync', CONNECTION, '--mode', 'checksum');
  expect((await cli('verify', CONNECTION, '--content', '--patient', unit)).code).toBe(0);
});

test('migrate brings an empty database up to date, once', async () => {
  const empty = await testDatabase({ migrated: false });
  try {
    const options = { cwd: setup.folder, env: { ...setup.environment, DATABASE_URL: empty.url } };
    const migrate = (...more: string[]) => runCommand(['migrate', ...more], options);
    expect(await runCli(['migrate'], options)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Applied: 0001_foundation/),
    });
    expect(await migrate()).toMatchObject({ code: 0, stdout: 'The database is up to date.\n' });
    expect((await migrate('--json')).lines).toEqual([{ type: 'migrated', applied: [] }]);
  } finally {
    await empty.drop();
  }
});

test('cleanup removes nothing before its time', async () => {
  const before = await storedState(setup.connection);
  const result = await cliProcess('cleanup', '--json');
  expect(result.code).toBe(0);
  expect(result.lines).toEqual([
    { type: 'tidied', organization: ORGANIZATION, blobs: 0, runs: 0, tombstones: 0, holds: 0 },
  ]);
  expect(await storedState(setup.connection)).toEqual(before);
});

test('apply tells what it changed and whether the sources fit', async () => {
  expect((await cli('apply')).stdout).toBe(
    `Nothing changed.\n${CONNECTION}: the source fits its mapping; the share is there.\n`,
  );
  const file = JSON.parse(await readFile(setup.environment.CHARTSYNC_CONFIG, 'utf8'));
  const [connection] = file.organizations[0].connections;
  file.organizations[0].connections.push(
    { ...connection, id: 'second', settings: { ...connection.settings, fileBasePath: join(setup.folder, 'away') } },
    { ...connection, id: 'third', settings: { ...connection.settings, database: 'postgres://127.0.0.1:1/none' } },
  );
  const other = join(setup.folder, 'three.yaml');
  await writeFile(other, JSON.stringify(file));
  const dry = await cli('apply', '--dry-run', '--config', other);
  const real = await cliProcess('apply', '--config', other, '--json');
  for (const result of [dry, real]) expect(result.code).toBe(3);
  expect(dry.stdout).not.toContain('added');
  expect(dry.stdout).toContain('second: the source fits its mapping; the share is NOT there.');
  expect(dry.stderr).toMatch(/^third: The source system does not answer\..*\[source_unreachable\]/);
  expectJson(real);
  expect(linesOf(real, 'change')).toMatchObject([
    { connectionId: 'second', change: 'added' },
    { connectionId: 'third', change: 'added' },
  ]);
  expect((await cli('apply', '--json')).lines.filter((line) => line.type === 'change')).toMatchObject([
    { connectionId: 'second', change: 'removed' },
    { connectionId: 'third', change: 'removed' },
  ]);
});

test('a check leaves tables of an earlier version as they are', async () => {
  const older = await testDatabase();
  const client = new pg.Client({ connectionString: older.url });
  try {
    await client.connect();
    const applied = async () =>
      (await client.query('SELECT name FROM chartsync_migrations ORDER BY name')).rows.map(({ name }) => name);
    await client.query('DELETE FROM chartsync_migrations WHERE name = (SELECT max(name) FROM chartsync_migrations)');
    const before = await applied();
    expect(before.length).toBeGreaterThan(1);
    const env = { ...setup.environment, DATABASE_URL: older.url };
    const checked = await runCommand(['apply', '--dry-run'], { cwd: setup.folder, env });
    expect(checked.code).toBe(2);
    expect(checked.stderr).toContain('of an earlier version, and a check does not change them');
    expect(await applied()).toEqual(before);
  } finally {
    await client.end();
    await older.drop();
  }
});
