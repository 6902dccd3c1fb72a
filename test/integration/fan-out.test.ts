/** A large run is copied by several processes: here each is a Chartsync of its own on the same stores. */
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SyncError } from '../../src/domain/errors.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { RunRecord } from '../../src/ports/run-store.ts';
import type { FileConnection } from '../../src/runs/connections.ts';
import { createSyncService } from '../../src/runs/sync-service.ts';
import { startWorker } from '../../src/runs/worker.ts';
import { systemClock } from '../../src/stores/system-clock.ts';
import { cancelledWithin } from '../support/cancelled-within.ts';
import {
  CONNECTION,
  expectConverged,
  ORGANIZATION,
  type PracticeSetup,
  setUpPractice,
  storedState,
} from '../support/practice-setup.ts';
import { until } from '../support/until.ts';

interface Process {
  readonly workerId: string;
  /** Documents whose records it wrote. */
  recorded(): number;
  /** Runs that it owns, and that it helps with. */
  owns(): number;
  helps(): number;
  /** How long its work on runs rests at most before it asks what became of them; milliseconds. */
  longestRest(): number;
  /** While it stops no time passes for it: it must not wait until some has. */
  stop(graceMs?: number): Promise<void>;
}

let setup: PracticeSetup;
let processes: Process[];
/** Reads of files wait for it. */
let gate: PromiseWithResolvers<void>;

beforeEach(async () => {
  setup = await setUpPractice({
    patients: 40,
    attachments: 260,
    sections: { limits: { fanOutUnits: 5, filesPerBatch: 2, retryDelay: '10ms' } },
  });
  processes = [];
  gate = Promise.withResolvers();
});
afterEach(async () => {
  gate.resolve();
  await Promise.all(processes.map((process) => process.stop()));
  await setup.close();
});

interface ProcessOptions {
  readonly helpersPerRun?: number;
  readonly concurrency?: number;
  /** False: its reads do not wait at the gate. */
  readonly gated?: boolean;
  readonly change?: (connection: FileConnection) => FileConnection;
  /** When the time of a run is up, in place of its `timeoutMs`. */
  readonly late?: Promise<void>;
}

/** Of runs whose time is up when the test says so. */
const TIMEOUT_MS = 3_600_000;

async function startProcess(options: ProcessOptions = {}): Promise<Process> {
  const { helpersPerRun = 4, concurrency = 2, gated = true, change, late } = options;
  const { chartsync, connection } = await setup.reopen();
  const { ports } = connection;
  let recorded = 0;
  let longestRest = 0;
  let stopped: Promise<void> | null = null;
  const clock: Clock = {
    now: systemClock.now,
    async sleep(ms, signal) {
      if (ms === TIMEOUT_MS && late !== undefined) return Promise.race([late, abortOf(signal)]);
      await systemClock.sleep(ms, signal);
      if (stopped !== null && ms > 0) await abortOf(signal);
    },
  };
  const watched: FileConnection = {
    ...connection,
    ports: {
      ...ports,
      clock: {
        now: ports.clock.now,
        sleep(ms, signal) {
          longestRest = Math.max(longestRest, ms);
          return ports.clock.sleep(ms, signal);
        },
      },
      share: {
        ...ports.share,
        async read(path, signal) {
          if (gated) await Promise.race([gate.promise, abortOf(signal)]);
          return ports.share.read(path, signal);
        },
      },
      records: {
        ...ports.records,
        async recordDocuments(fence, writes) {
          const results = await ports.records.recordDocuments(fence, writes);
          recorded += results.length;
          return results;
        },
      },
    },
  };
  const service = createSyncService({ clock });
  const worker = await startWorker({
    queue: chartsync.queue,
    dispatcher: chartsync.dispatcher,
    runs: chartsync.runs,
    connections: [change?.(watched) ?? watched],
    service,
    clock,
    batches: chartsync.batches,
    helpersPerRun,
    concurrency,
  });
  const process: Process = {
    workerId: chartsync.workerId,
    recorded: () => recorded,
    owns: () => service.active.size,
    helps: () => worker.helping(),
    longestRest: () => longestRest,
    stop(graceMs = 0) {
      stopped ??= worker.stop(graceMs);
      return stopped;
    },
  };
  processes.push(process);
  return process;
}

function abortOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function enqueue(): Promise<string> {
  const run = { organizationId: ORGANIZATION, connectionId: CONNECTION, mode: 'quick', trigger: 'api' } as const;
  const queued = await setup.chartsync.queue.enqueue({ ...run, unit: null, heldSetId: null }, { whenBusy: 'refuse' });
  return queued!.runId;
}

/** Asks now and then only: the processes at work share this thread. */
async function endOf(runId: string): Promise<RunRecord> {
  const find = () => setup.chartsync.runs.run(ORGANIZATION, runId);
  await expect.poll(async () => (await find())?.finishedAt ?? null, { timeout: 60_000 }).not.toBeNull();
  return (await find())!;
}

async function query<Row extends object>(text: string, values: unknown[]): Promise<[Row, ...Row[]]> {
  const client = new pg.Client({ connectionString: setup.environment.DATABASE_URL });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows as [Row, ...Row[]];
  } finally {
    await client.end();
  }
}

/** It asks every second what became of its run, and ends at the first answer. */
function expectToHearSoon(process: Process): void {
  expect(process.longestRest()).toBeGreaterThan(0);
  expect(process.longestRest()).toBeLessThanOrEqual(1000);
}

const stored = () => setup.connection.ports.records.countDocuments(setup.connection.settings);

test('several processes copy, one of them closes the run, and it is as if it had been one', async () => {
  const all = [await startProcess(), await startProcess(), await startProcess()];
  const runId = await enqueue();
  await until(() => all.filter((p) => p.helps() === 1).length === 2);
  gate.resolve();
  const run = await endOf(runId);
  expect(run).toMatchObject({ state: 'completed', outcome: 'partial', attempt: 1, percentage: 100 });
  await expectConverged(setup);
  for (const process of all) expect(process.recorded()).toBeGreaterThan(0);
  expect(all.reduce((sum, process) => sum + process.recorded(), 0)).toBe(await stored());
  expect(run.counts).toMatchObject({ added: await stored(), same: 0, removed: 0, moved: 0 });
  const failures = await setup.connection.ports.runs.openFailures(setup.connection.settings);
  expect(run.counts.failed).toBe(failures.length);

  const again = await endOf(await enqueue());
  expect(again.counts).toMatchObject({ added: 0, same: run.counts.added, failed: run.counts.failed });
});

test('the counts that the owner tells are those of all processes', async () => {
  await startProcess();
  const { chartsync, connection } = await setup.reopen();
  const service = createSyncService({ clock: systemClock });
  const { result } = await service.start(connection, { mode: 'quick', trigger: 'manual' });
  gate.resolve();
  const { counts, runId } = await result;
  expect(counts).toEqual((await chartsync.runs.run(ORGANIZATION, runId))!.counts);
  expect(counts.added).toBe(await stored());
});

test('not more processes than allowed help, and none that has enough to do', async () => {
  const owner = await startProcess({ concurrency: 1, helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  const others = await Promise.all([1, 2, 3].map(() => startProcess({ helpersPerRun: 2 })));
  await until(() => others.reduce((sum, p) => sum + p.helps(), 0) === 2);
  expect(owner.helps()).toBe(0);
  gate.resolve();
  expect(await endOf(runId)).toMatchObject({ state: 'completed' });
  expect(others.filter((p) => p.recorded() > 0).length).toBeLessThanOrEqual(2);
});

test('a cancel reaches the owner and all helpers within two seconds', async () => {
  const owner = await startProcess({ helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  const helpers = [await startProcess(), await startProcess()];
  await until(() => helpers.every((p) => p.helps() === 1));
  await setup.chartsync.queue.cancel(ORGANIZATION, runId);
  await until(() => owner.owns() + helpers[0]!.helps() + helpers[1]!.helps() === 0);
  for (const process of [owner, ...helpers]) expectToHearSoon(process);
  expect((await endOf(runId)).state).toBe('cancelled');
  expect(await cancelledWithin(setup.environment.DATABASE_URL, runId)).toBeLessThan(2500);
  expect(await stored()).toBe(0);
});

test('so does the end of its time', async () => {
  const late = Promise.withResolvers<void>();
  const owner = await startProcess({
    helpersPerRun: 0,
    change: (connection) => ({ ...connection, timeoutMs: TIMEOUT_MS }),
    late: late.promise,
  });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  const helper = await startProcess();
  await until(() => helper.helps() === 1);
  late.resolve();
  const run = await endOf(runId);
  expect(run).toMatchObject({ state: 'failed', error: { code: 'run_timeout' } });
  await until(() => helper.helps() === 0);
  expectToHearSoon(helper);
});

test('an owner that is handed back lets its helpers go, and another process ends the run', async () => {
  const first = await startProcess({ helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => first.owns() === 1);
  const helpers = [await startProcess(), await startProcess()];
  await until(() => helpers.every((p) => p.helps() === 1));
  await first.stop();
  await until(() => helpers.some((p) => p.owns() === 1));
  gate.resolve();
  const run = await endOf(runId);
  expect(run).toMatchObject({ state: 'completed', attempt: 1 });
  expect(run.counts.added).toBe(await stored());
  await expectConverged(setup);
});

test('a helper that ends gives its batches back; they are copied by the others, once', async () => {
  const owner = await startProcess({ helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  const helper = await startProcess();
  await until(() => helper.helps() === 1);
  // Its reads still wait at the gate.
  await helper.stop();
  const left = await query(
    `SELECT 'helps' FROM sync_run_helpers WHERE run_id = $1 AND worker_id = $2
     UNION ALL SELECT 'holds ' || n FROM sync_run_batches WHERE run_id = $1 AND worker_id = $2`,
    [runId, helper.workerId],
  );
  expect(left).toEqual([]);
  gate.resolve();
  expect((await endOf(runId)).counts.added).toBe(await stored());
  expect(owner.recorded()).toBe(await stored());
  await expectConverged(setup);
});

test('a batch that was recorded but not ended is repeated without being counted twice', async () => {
  const owner = await startProcess({ helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  let failed = 0;
  const broken = await startProcess({
    gated: false,
    change: (connection) => ({
      ...connection,
      ports: {
        ...connection.ports,
        records: {
          ...connection.ports.records,
          async finishUnits() {
            failed++;
            throw new SyncError('database_unavailable');
          },
        },
      },
    }),
  });
  await until(() => failed > 0 && broken.helps() === 0);
  expect(broken.recorded()).toBeGreaterThan(0);
  gate.resolve();
  const run = await endOf(runId);
  expect(run).toMatchObject({ state: 'completed', counts: { added: await stored(), same: 0 } });
  const [{ added }] = await query<{ added: number }>(
    `SELECT sum((counts ->> 'added')::int)::int AS added FROM sync_run_units WHERE run_id = $1`,
    [runId],
  );
  expect(added).toBe(await stored());
  await expectConverged(setup);
});

test('a process whose share is not mounted does not help: no file is called missing', async () => {
  const owner = await startProcess({ helpersPerRun: 0 });
  const runId = await enqueue();
  await until(() => owner.owns() === 1);
  let asked = 0;
  const blind = await startProcess({
    change: (connection) => ({
      ...connection,
      ports: {
        ...connection.ports,
        share: {
          ...connection.ports.share,
          async probe() {
            asked++;
            return null;
          },
        },
      },
    }),
  });
  await until(() => asked > 0);
  gate.resolve();
  const run = await endOf(runId);
  expect(blind.recorded()).toBe(0);
  expect(run.counts.added).toBe(await stored());
  await expectConverged(setup);
});

test('a complete read moves and removes at the end; a partial one removes nothing', async () => {
  gate.resolve();
  let partial = false;
  const change = (connection: FileConnection): FileConnection => ({
    ...connection,
    settings: { ...connection.settings, guard: { maxCount: 1000, maxPercent: 100, minCount: 0 } },
    ports: {
      ...connection.ports,
      source: {
        ...connection.ports.source,
        readFiles(selection, signal) {
          const read = connection.ports.source.readFiles(selection, signal);
          return {
            [Symbol.asyncIterator]: () => read[Symbol.asyncIterator](),
            summary: () => {
              const summary = read.summary();
              return partial ? { ...summary, rowsExpected: summary.rowsExpected + 1 } : summary;
            },
          };
        },
      },
    },
  });
  await startProcess({ change });
  await startProcess({ change });
  await endOf(await enqueue());
  const before = await stored();

  // In many patients: one file goes, one is flagged, one gets a new reference, one a new content.
  const first = await storedState(setup.connection);
  // Those without a UUID have another reference than the source's column.
  const units = Object.values(first)
    .map((files) => Object.keys(files).filter((reference) => /^[0-9a-f-]{36}$/.test(reference)))
    .filter((references) => references.length >= 4);
  expect(units.length).toBeGreaterThan(8);
  for (const [gone, flagged, moved, renamed] of units) {
    await setup.source.execute('DELETE FROM ax_notes_attachments WHERE lower(file_uuid) = ?', [gone!]);
    await setup.source.execute('UPDATE ax_notes_attachments SET deleted = true WHERE lower(file_uuid) = ?', [flagged!]);
    await setup.source.execute('UPDATE ax_notes_attachments SET file_uuid = ? WHERE lower(file_uuid) = ?', [
      crypto.randomUUID(),
      moved!,
    ]);
    await setup.source.execute('UPDATE ax_notes_attachments SET description = ? WHERE lower(file_uuid) = ?', [
      'Another title',
      renamed!,
    ]);
  }
  partial = true;
  const broken = await endOf(await enqueue());
  expect(broken).toMatchObject({
    state: 'failed',
    error: { code: 'source_incomplete' },
    counts: { removed: 0, held: 0 },
  });
  expect(await stored()).toBeGreaterThanOrEqual(before);
  expect(broken.counts.updated).toBe(units.length);

  partial = false;
  const whole = await endOf(await enqueue());
  expect(whole.state).toBe('completed');
  expect(whole.counts.removed).toBeGreaterThanOrEqual(units.length);
  const last = await endOf(await enqueue());
  expect(last.counts.removed + whole.counts.removed).toBeGreaterThanOrEqual(units.length * 2);
  await expectConverged(setup);
});
