/**
 * The loop for records: list by list read, compare and store; then guard and remove; then remember where we are.
 *
 *     source ──pages──▶ compare ──▶ store (with the checkpoint) ──▶ absent? ──▶ guard ──▶ ask again ──▶ remove ──▶ cursor
 *
 * Each list is a unit: one that fails leaves its cursor where it was, and the others go on. Files that a list tells of are
 * brought at the end.
 */
import type { RecordStream } from '../../domain/clinic.ts';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { RecordMode, RunTrigger } from '../../domain/run.ts';
import type { StreamState } from '../../ports/clinic-records.ts';
import type { ReadQuestion } from '../../ports/clinic-source.ts';
import type { RunProgress } from '../../ports/run-store.ts';
import { nextTry } from '../failure-policy.ts';
import type { PlanOfRun } from '../keep-to-plan.ts';
import { type RunResult, type RunSession, type SessionOptions, withRun } from '../run-session.ts';
import { bringAttachments } from './bring-attachments.ts';
import { readStream, type StreamRead } from './read-stream.ts';
import { removeAbsent } from './remove-absent.ts';
import type { RecordPorts, RecordSettings } from './settings.ts';
import { tellRefusals } from './tell-refusals.ts';

export interface RecordSyncRequest {
  readonly mode: RecordMode;
  readonly trigger: RunTrigger;
  /** The run was started with a plan, and does nothing else. */
  readonly keepTo?: PlanOfRun;
  /** Attachments whose next try has not come yet are left, whoever asked for the run. */
  readonly onlyDue?: boolean;
  /** A run of the queue, claimed by this process. */
  readonly claimed?: SessionOptions['claimed'];
  readonly onStarted?: (runId: string) => void;
  readonly onProgress?: (progress: RunProgress & { readonly runId: string }) => void;
  readonly signal?: AbortSignal;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** The least that a read of changes looks back before the start of the last one. */
const LOOKBACK_MS = 10 * MINUTE;
/** How far back a visit makes a patient active. */
export const RECENT_MS = 30 * DAY;
/** An interrupted first read older than this begins anew. */
const RESUME_MS = DAY;

const PATIENTS_ONLY: readonly RecordStream[] = ['businesses', 'practitioners', 'patients'];
const BY_START: ReadonlySet<RecordStream> = new Set([
  'individual_appointments',
  'group_appointments',
  'unavailable_blocks',
]);

/** One run. @throws SyncError when the run could not begin; later errors are in the result */
export function syncRecords(
  ports: RecordPorts,
  settings: RecordSettings,
  request: RecordSyncRequest,
): Promise<RunResult> {
  const streams = streamsOf(ports, request.mode);
  const bringsFiles = ports.attachments !== null && streams.includes('patient_attachments');
  return withRun(
    {
      runs: ports.runs,
      clock: ports.clock,
      totalSteps: streams.length + (bringsFiles ? 3 : 2),
      start: {
        organizationId: settings.organizationId,
        connectionId: settings.connectionId,
        mode: request.mode,
        trigger: request.trigger,
      },
      ...(request.claimed === undefined ? {} : { claimed: request.claimed }),
      ...(request.onStarted === undefined ? {} : { onStarted: request.onStarted }),
      ...(request.onProgress === undefined ? {} : { onProgress: request.onProgress }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    },
    async (session) => {
      session.step('Checking the source', null);
      const planned = (await request.keepTo?.()) ?? null;
      const { user } = await ports.source.check(session.signal);
      await checkAccount(ports, settings, session, user);
      const finished = await ports.records.finishedUnits(session.fence);
      let groups = false;
      const failed: SyncError[] = [];
      let asked = 0;
      for (const stream of streams) {
        // Another process read it for this very run.
        if (finished.has(stream)) continue;
        session.step(
          `Reading ${stream.replaceAll('_', ' ')}`,
          (await ports.records.streamState(settings, stream)).completeItems,
        );
        // Attendees of individual appointments say nothing that the appointment does not say.
        if (stream === 'attendees' && !groups && (await ports.records.count(settings, 'group_appointments')) === 0)
          continue;
        asked++;
        const read = await syncUnit(ports, settings, session, stream, { ...request, planned });
        if (read instanceof SyncError) failed.push(read);
        if (stream === 'group_appointments') groups = read instanceof SyncError || read.total > 0;
      }
      // Nothing could be read at all: that is no success in part.
      const last = failed.at(-1);
      if (last !== undefined && failed.length >= asked) throw last;
      session.step('Finding active patients', null);
      await ports.records.computeActivity(session.fence, ports.clock.now(), request.mode === 'comprehensive');
      // After the merges are known: a document goes straight to the patient that it belongs to.
      if (bringsFiles && ports.attachments !== null)
        await bringAttachments(ports, ports.attachments, settings, session, {
          urgent: request.trigger !== 'schedule',
          retryAll: request.trigger !== 'schedule' && !request.onlyDue,
          planned,
        });
      return { completeRead: null };
    },
  );
}

/** The lists that a run reads. */
export function streamsOf({ source }: Pick<RecordPorts, 'source'>, mode: RecordMode): readonly RecordStream[] {
  return source.streams.filter((stream) => mode !== 'patients-only' || PATIENTS_ONLY.includes(stream));
}

/** A read of patients alone, or of active ones, is nobody's order to tidy up. */
export function mayRemove(mode: RecordMode): boolean {
  return mode === 'comprehensive' || mode === 'incremental';
}

/** A key of another account would mix two practices, and the nightly read would take the first one for gone. */
async function checkAccount(
  ports: RecordPorts,
  settings: RecordSettings,
  session: RunSession,
  user: string,
): Promise<void> {
  const known = await ports.records.account(settings);
  // A user belongs to one account.
  if (known?.user === user) return;
  const account = await ports.source.account(session.signal);
  if (known !== null && known.account !== null && known.account !== account)
    throw new SyncError('source_account_changed');
  await ports.records.rememberAccount(session.fence, { account, user });
}

/** @returns why when the unit failed */
async function syncUnit(
  ports: RecordPorts,
  settings: RecordSettings,
  session: RunSession,
  stream: RecordStream,
  request: Pick<RecordSyncRequest, 'mode' | 'trigger'> & { readonly planned: PlannedItems | null },
): Promise<StreamRead | SyncError> {
  const { clock, records, runs } = ports;
  const unit = { unit: stream, reference: '' };
  try {
    const state = await records.streamState(settings, stream);
    const plan = planOf(stream, state, request.mode, clock.now());
    const read = await readStream(ports, settings, session, stream, {
      question: plan.question,
      urgent: request.trigger !== 'schedule',
      // Later reads of everything begin anew: only a whole read proves what is absent.
      resumable: plan.everything && state.cursor === null ? { startedAt: plan.resumedFrom } : null,
      planned: request.planned,
    });
    let removed = 0;
    let complete = false;
    if (plan.everything) {
      ({ removed, complete } = await removeAbsent(ports, settings, session, stream, read, {
        resumed: plan.resumedFrom !== null,
        itemsBefore: state.completeItems,
        mayRemove: mayRemove(request.mode),
        planned: request.planned,
        urgent: request.trigger !== 'schedule',
      }));
    }
    // The counts never agreed: what came is stored, but the question is still open.
    if (!read.agrees) session.count({ waiting: 1 });
    await records.write(session.fence, stream, { added: [], updated: [] }, stateOf(plan, read, complete), clock.now());
    const isPartial = await tellRefusals(ports, settings, session, stream);
    const errors = ports.source.refusals(stream).length > 0 ? ['source_filter_refused'] : [];
    await records.finishUnit(
      session.fence,
      { stream, outcome: isPartial ? 'partial' : 'success', counts: { ...read.counts, removed }, errors },
      clock.now(),
    );
    return read;
  } catch (error) {
    session.signal.throwIfAborted();
    const failure = toSyncError(error);
    // Without the source, the key or an understanding of the answers, the other lists fail as well.
    if (failure.action === 'stop' || failure.code === 'source_unreachable' || failure.code === 'unexpected')
      throw failure;
    session.count({ failed: 1 });
    const { code, action, message } = failure;
    await runs.recordFailures(session.fence, [
      {
        ...unit,
        operation: 'unit',
        code,
        action,
        message,
        fingerprint: null,
        nextRetryAt: nextTry(code, 1, clock.now()),
      },
    ]);
    await records.finishUnit(session.fence, { stream, outcome: 'failed', counts: {}, errors: [code] }, clock.now());
    return failure;
  }
}

interface UnitPlan {
  readonly question: ReadQuestion;
  /** Every record of the list is asked for. */
  readonly everything: boolean;
  /** ISO instant at which the first read began that this one goes on with; null: it begins anew. */
  readonly resumedFrom: string | null;
  /** The whole list as of now, or all changes, are in it: the cursor may move. */
  readonly movesCursor: boolean;
}

/** Pure: what to ask of a list. */
export function planOf(stream: RecordStream, state: StreamState, mode: RecordMode, now: number): UnitPlan {
  const nothing: ReadQuestion = { changedSince: null, createdFrom: null, startsFrom: null };
  if (mode === 'active' && BY_START.has(stream)) {
    const startsFrom = new Date(now - RECENT_MS).toISOString();
    return { question: { ...nothing, startsFrom }, everything: false, resumedFrom: null, movesCursor: false };
  }
  // A page or two, and what the other lists refer to: read whole each time.
  if (stream !== 'businesses' && (mode === 'incremental' || mode === 'active')) {
    if (state.cursor !== null && !(mode === 'active' && stream === 'patients')) {
      const back = Math.max(LOOKBACK_MS, state.readMs);
      const changedSince = new Date(Date.parse(state.cursor) - back).toISOString();
      return { question: { ...nothing, changedSince }, everything: false, resumedFrom: null, movesCursor: true };
    }
  }
  const { unfinished } = state;
  const resumes = state.cursor === null && unfinished !== null && now - Date.parse(unfinished.startedAt) < RESUME_MS;
  return {
    question: resumes ? { ...nothing, createdFrom: unfinished.createdFrom } : nothing,
    everything: true,
    resumedFrom: resumes ? unfinished.startedAt : null,
    movesCursor: true,
  };
}

/** What is true of the list after a read that came to its end. */
function stateOf(plan: UnitPlan, read: StreamRead, complete: boolean): Partial<StreamState> {
  const readMs = read.finishedAt - read.startedAt;
  // A change may have been passed over: the next run asks for the same ones again. A night's read asks for everything anyway.
  const moves = plan.movesCursor && (plan.everything || read.agrees);
  return {
    ...(moves ? { cursor: plan.resumedFrom ?? new Date(read.serverStart).toISOString(), readMs } : {}),
    ...(plan.everything ? { unfinished: null } : {}),
    ...(complete ? { completeItems: read.total } : {}),
  };
}
