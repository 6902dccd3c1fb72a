/**
 * A plan: the loop stopped before anything is changed, written to a file, and executed later exactly as written.
 *
 * The file has one JSON text per line: a header, the changes, and a footer with the proof of the read and a hash of all
 * lines before it, so that a cut or edited file is refused.
 */
import { createHash } from 'node:crypto';
import { judgeRead, type ReadEvidence } from '../../domain/completeness.ts';
import { SyncError } from '../../domain/errors.ts';
import type { FileMode } from '../../domain/run.ts';
import type { SpooledLines } from '../../ports/change-spool.ts';
import type { OpenFailure, RunProgress } from '../../ports/run-store.ts';
import { type RunResult, withRun } from '../run-session.ts';
import type { ChangeLine } from './change-line.ts';
import { type Fate, judgedLines } from './judged-lines.ts';
import { type ChangesRead, failureKey, readChanges } from './read-changes.ts';
import type { FilePorts, FileSettings } from './settings.ts';
import { applyChanges, FILE_SYNC_STEPS } from './sync-files.ts';

interface PlanHeader {
  readonly chartsyncPlan: 1;
  readonly organizationId: string;
  readonly connectionId: string;
  readonly mode: FileMode;
  readonly unit: string | null;
  readonly createdAt: string;
  /** Newest run of the connection when the plan was made: a later one may have changed what the plan relies on. */
  readonly lastRunId: string | null;
}

type PlanFooter = Pick<ChangesRead, 'compared' | 'counts' | 'changes' | 'units' | 'unlinkable' | 'settledFailures'> & {
  readonly end: true;
  readonly evidence: ReadEvidence;
  readonly orphans: readonly string[];
  readonly sha256: string;
};

export interface PlanSummary {
  readonly header: PlanHeader;
  readonly footer: PlanFooter;
  /** Absent items by what would happen to them if the plan were executed now. */
  readonly removals: number;
  readonly firstMissed: number;
}

/**
 * Reads and compares without changing anything.
 * @param write called with each line of the plan file
 * @param onChange called with each change, for people, and with what would become of one that is absent
 */
export async function planFiles(
  ports: FilePorts,
  settings: FileSettings,
  request: { readonly mode: FileMode; readonly unit?: string; readonly signal: AbortSignal },
  write: (line: string) => Promise<void> | void,
  onChange: (change: ChangeLine, fate: Fate | null) => void,
): Promise<PlanSummary> {
  await ports.source.check(request.signal);
  const newest = await ports.runs.runs(settings, 1);
  const header: PlanHeader = {
    chartsyncPlan: 1,
    organizationId: settings.organizationId,
    connectionId: settings.connectionId,
    mode: request.mode,
    unit: request.unit ?? null,
    createdAt: new Date(ports.clock.now()).toISOString(),
    lastRunId: newest[0]?.id ?? null,
  };
  const changes = await readChanges(ports, settings, { ...request, retryAll: true }, request.signal);
  try {
    const hash = createHash('sha256');
    const put = async (line: string) => {
      hash.update(line).update('\n');
      await write(line);
    };
    await put(JSON.stringify(header));
    let removals = 0;
    let firstMissed = 0;
    for await (const { text, line, fate } of judgedLines(ports, changes, request.signal)) {
      if (fate === 'remove') removals++;
      if (fate === 'missing') firstMissed++;
      // What a person brought is in the file only because a moved one may be found in it.
      if (line.kind !== 'absent' || !line.stored.uploaded) onChange(line, fate);
      await put(text);
    }
    const footer: PlanFooter = {
      end: true,
      evidence: changes.read.evidence,
      compared: changes.compared,
      counts: changes.counts,
      changes: changes.changes,
      units: changes.units,
      orphans: [...changes.orphans],
      unlinkable: changes.unlinkable,
      settledFailures: changes.settledFailures,
      sha256: hash.digest('hex'),
    };
    await write(JSON.stringify(footer));
    return { header, footer, removals, firstMissed };
  } finally {
    await changes.lines.discard();
  }
}

/** @throws SyncError `plan_stale` when the file is cut, edited, for another connection, or older than a later run */
export async function readPlan(lines: SpooledLines): Promise<{ header: PlanHeader; footer: PlanFooter }> {
  const hash = createHash('sha256');
  let header: PlanHeader | undefined;
  let last: string | undefined;
  for await (const line of lines.lines()) {
    if (last !== undefined) hash.update(last).update('\n');
    header ??= parse<PlanHeader>(line);
    last = line;
  }
  const footer = last === undefined ? undefined : parse<PlanFooter>(last);
  if (header?.chartsyncPlan !== 1 || footer?.end !== true || footer.sha256 !== hash.digest('hex')) {
    throw new SyncError('plan_stale', { detail: 'The file is not a whole plan.' });
  }
  return { header, footer };
}

/** Executes a plan file. The errors of the file itself are thrown; those of the run are in its result. */
export async function applyPlan(
  ports: FilePorts,
  settings: FileSettings,
  lines: SpooledLines,
  request: {
    readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<RunResult> {
  const { header, footer } = await readPlan(lines);
  if (header.organizationId !== settings.organizationId || header.connectionId !== settings.connectionId) {
    throw new SyncError('plan_stale', { detail: 'It was made for another connection.' });
  }
  const newest = await ports.runs.runs(settings, 1);
  if ((newest[0]?.id ?? null) !== header.lastRunId) {
    throw new SyncError('plan_stale', { detail: 'The connection had another run since.' });
  }
  return withRun(
    {
      runs: ports.runs,
      clock: ports.clock,
      totalSteps: FILE_SYNC_STEPS.length + (ports.destination === undefined ? 0 : 1),
      start: {
        organizationId: settings.organizationId,
        connectionId: settings.connectionId,
        mode: 'plan',
        trigger: 'manual',
        ...(header.unit === null ? {} : { unit: header.unit }),
      },
      ...request,
    },
    async (session) => {
      session.step(FILE_SYNC_STEPS[0], null);
      await ports.source.check(session.signal);
      await ports.blobs.prepare(session.signal);
      await ports.destination?.probe(session.signal);
      session.step(FILE_SYNC_STEPS[1], null);
      const failures = await ports.runs.openFailures(settings, header.unit ?? undefined);
      const changes: ChangesRead = {
        ...footer,
        read: judgeRead(footer.evidence),
        orphans: new Set(footer.orphans),
        failures: new Map(failures.map((failure: OpenFailure) => [failureKey(failure), failure])),
        lines: withoutEnds(lines),
      };
      return applyChanges(ports, settings, session, changes, {
        rehash: header.mode === 'checksum',
        unit: header.unit,
        refused: true,
        planned: null,
        selection: null,
      });
    },
  );
}

/** The lines between header and footer. */
function withoutEnds(lines: SpooledLines): SpooledLines {
  return {
    async *lines(signal) {
      let previous: string | undefined;
      let first = true;
      for await (const line of lines.lines(signal)) {
        if (previous !== undefined && !first) yield previous;
        if (previous !== undefined) first = false;
        previous = line;
      }
    },
    discard: async () => undefined,
  };
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
