/** A connection to Cliniko by the command line: stored key, plan, sync, verify, a wrong mode, held removals. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';
import { type ClinikoSetup, CONNECTION, setUpCliniko } from '../support/cliniko-setup.ts';
import { runCommand } from '../support/command.ts';
import { until } from '../support/until.ts';

let setup: ClinikoSetup;
beforeAll(async () => {
  setup = await setUpCliniko({ account: { patients: 40, appointments: 90 }, apiKey: null });
});
afterAll(() => setup?.close());

const chartsync = (args: readonly string[], input?: string, run: typeof runCommand = runCommand) =>
  run(args, { cwd: tmpdir(), env: setup.environment, ...(input === undefined ? {} : { input }) });
const chartsyncProcess = (args: readonly string[], input?: string) => chartsync(args, input, runCli);

test('from the key to a copy that is verified', async () => {
  const without = await chartsync(['sync', CONNECTION]);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('[credentials_missing]');

  const { key } = setup.simulator.accounts[0]!;
  const wrongShape = await chartsync(['credentials', 'set', CONNECTION], '{"username":"a","password":"b"}');
  expect([wrongShape.code, wrongShape.stderr]).toEqual([2, 'Give {"apiKey": "…"} on standard input.\n']);
  expect((await chartsyncProcess(['credentials', 'set', CONNECTION], JSON.stringify({ apiKey: key }))).code).toBe(0);
  const applied = await chartsyncProcess(['apply']);
  expect(applied.stdout).toContain(`${CONNECTION}: the source accepts the key (au1, `);

  const plan = await chartsyncProcess(['plan', CONNECTION]);
  expect(plan.code).toBe(0);
  expect(plan.stdout).toMatch(/Would add \d+, update 0; 0 unchanged\./);
  expect(await setup.query('SELECT 1 FROM patients')).toEqual([]);
  expect((await chartsync(['plan', CONNECTION, '--out', '/nowhere/plan'])).code).toBe(2);

  const sync = await chartsyncProcess(['sync', CONNECTION]);
  expect(sync.code, sync.stderr).toBe(0);
  const verified = await chartsyncProcess(['verify', CONNECTION, '--json']);
  expect(verified.code).toBe(0);
  const lines = verified.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ type: 'verified', differences: 0, complete: true });
  for (const { stdout, stderr } of [applied, plan, sync, verified]) expect(`${stdout}${stderr}`).not.toContain(key);
});

test('a mode of another kind of connection is bad usage', async () => {
  const answer = await chartsync(['sync', CONNECTION, '--mode', 'deep']);
  expect(answer.code).toBe(2);
  expect(answer.stderr).toContain('it has incremental, comprehensive, active, patients-only');
  expect((await chartsync(['sync', CONNECTION, '--patient', '5d1c3e7a-0b42-4f86-9a17-2e60c8d4b935'])).code).toBe(2);
});

test('a list that could not be read is named among the failures, with what the source answered', async () => {
  setup.simulator.faults.answers = [{ kind: 'status500', resource: 'patients' }];
  expect((await chartsync(['sync', CONNECTION, '--mode', 'comprehensive'])).code).toBe(3);
  setup.simulator.faults.answers = [];
  const failures = await chartsync(['failures', CONNECTION]);
  expect(failures.stdout).toMatch(/│ list +│/);
  expect(failures.stdout).toContain('Status: 500. List: patients.');
  expect((await chartsync(['sync', CONNECTION])).code).toBe(0);
  expect((await chartsync(['failures', CONNECTION])).stdout).toContain('Nothing failed.');
});

test('status tells of a source that does not answer, until it does', async () => {
  setup.simulator.faults.answers = [{ kind: 'no-answer' }];
  expect((await chartsync(['sync', CONNECTION])).code).toBe(1);
  expect((await chartsync(['status'])).stdout).toContain(`${CONNECTION}: the last run failed, see chartsync runs`);
  setup.simulator.faults.answers = [];
  expect((await chartsync(['sync', CONNECTION])).code).toBe(0);
  expect((await chartsync(['status'])).stdout).not.toContain('failed, see chartsync runs');
});

test('a run whose process was killed does not count as running, and the next one goes on', async () => {
  const other = await setUpCliniko({ account: { seed: 94, patients: 900, appointments: 40 } });
  try {
    const options = { cwd: tmpdir(), env: other.environment };
    other.simulator.faults.latencyMs = 50;
    const victim = startCli(['sync', CONNECTION], options);
    await until(async () => (await other.query('SELECT 1 FROM patients LIMIT 1')).length > 0);
    // It does not get to its end meanwhile.
    other.simulator.faults.latencyMs = 60_000;
    expect((await runCommand(['status'], options)).stdout).toContain('running');
    victim.child.kill('SIGKILL');
    await victim.result;
    other.simulator.faults.latencyMs = 0;
    await until(async () => !(await runCommand(['status'], options)).stdout.includes('running'), 10_000);
    const next = await runCommand(['sync', CONNECTION], options);
    expect(next.code, next.stderr).toBe(0);
    await other.expectCopy();
    const [added] = await other.query<{ n: number }>(
      "SELECT sum((effects ->> 'added')::int)::int AS n FROM sync_runs WHERE connection_id = $1",
      [CONNECTION],
    );
    const verified = await runCommand(['verify', CONNECTION], options);
    // Each was added once, whichever of the two did it.
    expect(verified.stdout).toContain(`${added!.n} records agree with the source: no difference.`);
  } finally {
    await other.close();
  }
});

test('a difference is told by verify, and removals above the limit wait with exit code 4', async () => {
  for (const row of setup.world.tables.appointments.rows.slice(0, 60)) setup.world.removeSilently(row.id);
  const verified = await chartsync(['verify', CONNECTION]);
  expect(verified.code).toBe(3);
  expect(verified.stdout).toContain('are no longer in the source');
  const sync = await chartsync(['sync', CONNECTION, '--mode', 'comprehensive']);
  expect(sync.code).toBe(4);
  const held = await chartsyncProcess(['held', 'list']);
  expect(held.stdout).toContain('held_');
});

test('a key that is refused pauses the connection, and status tells why', async () => {
  setup.simulator.faults.keyRevoked = true;
  const refused = await chartsync(['sync', CONNECTION]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`Status: 401. Host: ${new URL(setup.simulator.url).host}. [source_credentials]`);
  const status = await chartsync(['status']);
  expect(status.stdout).toContain(`${CONNECTION} is paused: The source system refused the user name, password or key.`);
});
