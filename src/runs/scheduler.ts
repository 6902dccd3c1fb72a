/**
 * Asks for the runs that are due. Every process that takes jobs does so: the queue takes only the first of several that ask
 * for the same firing, because the others name a last start that is no longer the last.
 */
import { createHash } from 'node:crypto';
import { ERROR_CATALOGUE, type ErrorCode, type SyncError, toSyncError } from '../domain/errors.ts';
import { waitAfterFailures } from '../domain/failure-limit.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunQueue } from '../ports/run-queue.ts';
import type { ScheduleState, ScheduleStore } from '../ports/schedule-store.ts';
import type { Connection } from './connections.ts';
import { nextCron } from './cron.ts';
import { modeDue } from './modes.ts';
import { nextDue } from './schedule.ts';

export interface SchedulerOptions {
  readonly connections: readonly Connection[];
  readonly store: ScheduleStore;
  readonly queue: RunQueue;
  readonly clock: Clock;
  readonly onError?: (connection: Connection | null, error: SyncError) => void;
  /** How often to look. */
  readonly everyMs?: number;
}

export interface Scheduler {
  stop(): Promise<void>;
}

/** Schedules are of minutes; a look costs a service that rests more than anything else. */
const LOOK_MS = 2000;

/** Not news: somebody else was faster, or it is asked again in a moment. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set(['connection_busy', 'connection_paused', 'queue_full', 'cancelled']);

export function startScheduler(options: SchedulerOptions): Scheduler {
  const { store, queue, clock } = options;
  const ended = new AbortController();
  let failing = false;

  async function look(): Promise<void> {
    const states = new Map((await store.states()).map((s) => [`${s.organizationId}/${s.connectionId}`, s]));
    // Not this machine's clock: one that is ahead would start before its time, be written down so, and start again.
    const now = await store.now();
    // A person may give any of them a schedule, at any time, or other settings: then another one is in its place.
    for (const connection of options.connections.filter((c) => !c.dryRun)) {
      const state = states.get(`${connection.organizationId}/${connection.id}`);
      if (state === undefined || state.open || state.paused || nextStart(connection, state, now) > now) continue;
      await ask(connection, state, now);
    }
  }

  async function ask(connection: Connection, state: ScheduleState, now: number): Promise<void> {
    try {
      await queue.enqueue(
        {
          organizationId: connection.organizationId,
          connectionId: connection.id,
          mode: modeDue(connection, state, now),
          trigger: 'schedule',
          unit: null,
          heldSetId: null,
        },
        { whenBusy: 'refuse', ifLastStartedAt: state.lastStartedAt },
      );
    } catch (error) {
      const failure = toSyncError(error);
      if (!EXPECTED.has(failure.code)) options.onError?.(connection, failure);
    }
  }

  const loop = (async () => {
    while (!ended.signal.aborted && options.connections.length > 0) {
      try {
        await look();
        failing = false;
      } catch (error) {
        if (!failing) options.onError?.(null, toSyncError(error));
        failing = true;
      }
      await clock.sleep(options.everyMs ?? LOOK_MS, ended.signal).catch(() => undefined);
    }
  })();

  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}

/** When the schedule starts the connection next, failures considered. Epoch ms, not before `now`; infinity: not by itself. */
export function nextStart(
  connection: Pick<Connection, 'schedule' | 'timeZone'>,
  state: ScheduleState,
  now: number,
): number {
  const schedule = scheduleOf(connection, state);
  if (schedule === null || state.paused) return Number.POSITIVE_INFINITY;
  const due = dueAt(schedule, state.lastStartedAt, now, connection.timeZone);
  if (state.consecutiveFailures === 0 || state.lastFailureAt === null) return due;
  const again = Math.max(now, state.lastFailureAt + waitAfterFailures(state.consecutiveFailures, chanceOf(state)));
  // What passes by itself is tried again before its time; what a person must mend is not hammered.
  const passes = ERROR_CATALOGUE[state.lastFailureCode as ErrorCode]?.action === 'retry';
  return passes ? Math.min(due, again) : Math.max(due, again);
}

/** What a person said counts before the configuration. Null: only when somebody asks. */
export function scheduleOf(
  connection: Pick<Connection, 'schedule'>,
  state: Pick<ScheduleState, 'chosen'> | undefined,
): Schedule | null {
  return state?.chosen ? state.chosen.schedule : connection.schedule;
}

/** The next times at which the schedule alone would start it, each run begun when it is due. Epoch ms. */
export function firings(
  schedule: Schedule | null,
  lastStart: number | null,
  now: number,
  timeZone: string,
  count: number,
): number[] {
  const found: number[] = [];
  let last = lastStart;
  for (let at = now; schedule !== null && found.length < count; ) {
    const next = dueAt(schedule, last, at, timeZone);
    if (!Number.isFinite(next)) break;
    found.push(next);
    last = next;
    at = next;
  }
  return found;
}

/** The jitter of a failure: by chance, but the same for every process and every look. */
function chanceOf(state: ScheduleState): number {
  const text = `${state.organizationId}/${state.connectionId}/${state.lastFailureAt}`;
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32;
}

/** Epoch ms, not before `now`. A connection that never ran is due at once. */
export function dueAt(schedule: Schedule, lastStart: number | null, now: number, timeZone: string): number {
  if (schedule.kind !== 'cron') return nextDue(schedule, lastStart, now, timeZone);
  return lastStart === null ? now : Math.max(now, nextCron(schedule.cron, Math.min(lastStart, now), timeZone));
}
