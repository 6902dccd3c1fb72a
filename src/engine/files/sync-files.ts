/**
 * The loop for files: read completely, compare, copy, guard, remove, remember.
 *
 *     source ──read──▶ compare ──spool──▶ copy ──▶ guard ──▶ remove ──▶ checkpoint
 */
import { SyncError } from '../../domain/errors.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { FileMode, RunTrigger } from '../../domain/run.ts';
import type { FilesetSelection } from '../../ports/ehr-database.ts';
import type { RunProgress } from '../../ports/run-store.ts';
import { nextTry } from '../failure-policy.ts';
import type { PlanOfRun } from '../keep-to-plan.ts';
import { withRetry } from '../retry.ts';
import { type RunResult, type RunSession, type SessionOptions, type WorkResult, withRun } from '../run-session.ts';
import { copyItems } from './copy-items.ts';
import { copyTogether } from './copy-together.ts';
import { failureOf } from './item-failure.ts';
import { keepToPlan } from './judged-lines.ts';
import { knowPatients } from './know-patients.ts';
import { type ChangesRead, failureKey, readChanges, type SourceRead } from './read-changes.ts';
import { removeItems } from './remove-items.ts';
import type { FilePorts, FileSettings } from './settings.ts';

export interface FileSyncRequest {
  readonly mode: FileMode;
  readonly trigger: RunTrigger;
  /** Only this patient. */
  readonly unit?: string;
  /** The run was started with a plan, and does nothing else. */
  readonly keepTo?: PlanOfRun;
  /** Items whose next try has not come yet are left, whoever asked for the run. */
  readonly onlyDue?: boolean;
  /** A run of the queue, claimed by this process. */
  readonly claimed?: SessionOptions['claimed'];
  readonly onStarted?: (runId: string) => void;
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
}

export const FILE_SYNC_STEPS = ['Checking the source', 'Comparing', 'Copying', 'Removing'] as const;
/** The last step of a run whose documents go to another machine. */
export const DELIVERY_STEP = 'Sending';

/** One run. @throws SyncError when the run could not begin; later errors are in the result */
export function syncFiles(ports: FilePorts, settings: FileSettings, request: FileSyncRequest): Promise<RunResult> {
  return withRun(
    {
      runs: ports.runs,
      clock: ports.clock,
      totalSteps: FILE_SYNC_STEPS.length + (ports.destination === undefined ? 0 : 1),
      start: {
        organizationId: settings.organizationId,
        connectionId: settings.connectionId,
        mode: request.mode,
        trigger: request.trigger,
        ...(request.unit === undefined ? {} : { unit: request.unit }),
      },
      ...(request.claimed === undefined ? {} : { claimed: request.claimed }),
      ...(request.onStarted === undefined ? {} : { onStarted: request.onStarted }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    async (session) => {
      session.step(FILE_SYNC_STEPS[0], null);
      await ports.source.check(session.signal);
      await ports.blobs.prepare(session.signal);
      await ports.destination?.probe(session.signal);
      session.step(FILE_SYNC_STEPS[1], null);
      const planned = (await request.keepTo?.()) ?? null;
      const changes = await readWithRetry(ports, settings, request, session);
      try {
        if (planned !== null) await keepToPlan(ports, changes, planned, session.signal);
        else if (request.unit === undefined) await knowPatients(ports, settings, session, changes.selection);
        return await applyChanges(ports, settings, session, changes, {
          rehash: request.mode === 'checksum',
          unit: request.unit ?? null,
          refused: request.trigger !== 'schedule',
          planned,
          selection: changes.selection,
        });
      } finally {
        await changes.lines.discard();
      }
    },
  );
}

/** A source whose schema changed under the read is read again from the start. */
function readWithRetry(
  ports: FilePorts,
  settings: FileSettings,
  request: FileSyncRequest,
  session: RunSession,
): Promise<SourceRead> {
  let told = 0;
  return withRetry(
    () =>
      readChanges(
        ports,
        settings,
        {
          mode: request.mode,
          retryAll: request.trigger !== 'schedule' && !request.onlyDue,
          ...(request.unit === undefined ? {} : { unit: request.unit }),
        },
        session.signal,
        (rows) => {
          session.advance(Math.max(0, rows - told));
          told = rows;
        },
      ),
    settings.retry,
    { clock: ports.clock, random: ports.random, signal: session.signal },
  );
}

/** Executes what a read found. Also the second half of executing a plan file. */
export async function applyChanges(
  ports: FilePorts,
  settings: FileSettings,
  session: RunSession,
  changes: ChangesRead,
  options: {
    readonly rehash: boolean;
    readonly unit: string | null;
    readonly refused: boolean;
    /** Null: the run does whatever it finds. */
    readonly planned: PlannedItems | null;
    /** Whose files were read for this run; null: they were read before. */
    readonly selection: FilesetSelection | null;
  },
): Promise<WorkResult> {
  const { read, compared } = changes;
  session.count(changes.counts);
  await recordSourceFailures(ports, session, changes, options.unit === null);
  const work = changes.changes.add + changes.changes.update + changes.changes.inspect;
  session.step(FILE_SYNC_STEPS[2], work);
  const input = {
    lines: changes.lines,
    read,
    orphans: changes.orphans,
    failures: changes.failures,
    rehash: options.rehash,
  };
  const { batches } = ports;
  const copied =
    batches !== undefined && changes.units > settings.fanOutUnits
      ? await copyTogether({ ...ports, batches }, settings, session, input)
      : await copyItems(ports, settings, session, { ...input, judge: 'now' });
  session.step(
    FILE_SYNC_STEPS[3],
    [...copied.removals.values()].reduce((sum, list) => sum + list.length, 0),
  );
  const before = options.unit === null ? await ports.runs.lastCompleteRead(settings) : null;
  await removeItems(ports, settings, session, {
    ...copied,
    stored: compared.storedItems,
    inSource: compared.liveItems,
    inSourceBefore: before?.itemsInSource ?? null,
    unit: options.unit,
    complete: read.complete,
    planned: options.planned,
  });
  const isDelivered = await deliver(ports, session, options.refused);
  if (!read.complete) throw new SyncError('source_incomplete', { detail: read.reason });
  const { selection } = options;
  if (isDelivered && selection !== null) {
    const units = typeof selection === 'string' ? undefined : selection;
    await ports.records.touchFilesets(session.fence, ports.clock.now(), units);
  }
  const whole = options.unit === null;
  return { completeRead: whole ? { itemsInSource: compared.liveItems, evidence: read.evidence } : null };
}

/** @returns whether nothing is left to be sent: whose documents they are is not known here */
async function deliver(ports: FilePorts, session: RunSession, refused: boolean): Promise<boolean> {
  if (ports.destination === undefined) return true;
  session.step(DELIVERY_STEP, null);
  const onDone = (documents: number) => session.advance(documents);
  const left = await ports.destination.deliver({ refused, signal: session.signal, onDone });
  session.count({ failed: left.refused, waiting: left.waiting });
  return left.refused + left.waiting === 0;
}

/** What the read itself found wrong: patients that are gone or cannot be linked, and failures that settled themselves. */
async function recordSourceFailures(
  ports: FilePorts,
  session: RunSession,
  changes: ChangesRead,
  whole: boolean,
): Promise<void> {
  const now = ports.clock.now();
  const found = [...changes.orphans].map((unit) =>
    failureOf({ unit, reference: '' }, 'unit', new SyncError('unit_orphaned'), null),
  );
  if (whole && changes.unlinkable > 0) {
    const error = new SyncError('unit_not_linkable', { detail: `Rows: ${changes.unlinkable}.` });
    found.push(failureOf({ unit: '', reference: '' }, 'unit', error, null));
  }
  const failures = found.filter((failure) => changes.failures.get(failureKey(failure))?.state !== 'skipped');
  session.count({ failed: failures.length, skipped: found.length - failures.length });
  if (failures.length > 0) {
    await ports.runs.recordFailures(
      session.fence,
      failures.map((failure) => ({ ...failure, nextRetryAt: nextTry(failure.code, 1, now) })),
    );
  }
  const units = new Set(found.map((failure) => failure.unit));
  const settled = changes.settledFailures.filter((f) => f.reference !== '' || !units.has(f.unit));
  if (changes.read.complete && settled.length > 0) await ports.runs.resolveFailures(session.fence, settled);
}
