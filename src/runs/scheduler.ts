/** Starts the runs that are due, in this process, one after another for each connection. */
import { toSyncError } from '../domain/errors.ts';
import type { FileMode } from '../domain/run.ts';
import type { Schedule } from '../domain/schedule.ts';
import type { Clock } from '../ports/clock.ts';
import type { ScheduleState, ScheduleStore } from '../ports/schedule-store.ts';
import type { FileConnection } from './connections.ts';
import { nextCron } from './cron.ts';
import { nextDue } from './schedule.ts';
import type { SyncService } from './sync-service.ts';

export interface SchedulerOptions {
  readonly connections: readonly FileConnection[];
  readonly store: ScheduleStore;
  readonly service: SyncService;
  readonly clock: Clock;
  readonly onError?: (connection: FileConnection, error: ReturnType<typeof toSyncError>) => void;
  /** How often to look. */
  readonly everyMs?: number;
}

export interface Scheduler {
  stop(): Promise<void>;
}

export function startScheduler(options: SchedulerOptions): Scheduler {
  const ended = new AbortController();
  const running = new Set<FileConnection>();
  const loop = (async () => {
    while (!ended.signal.aborted) {
      await Promise.all(options.connections.map((connection) => consider(connection)));
      await options.clock.sleep(options.everyMs ?? 1000, ended.signal).catch(() => undefined);
    }
  })();

  async function consider(connection: FileConnection): Promise<void> {
    if (connection.schedule === null || connection.dryRun || running.has(connection)) return;
    try {
      const key = { organizationId: connection.organizationId, connectionId: connection.id };
      const state = await options.store.state(key);
      const now = options.clock.now();
      if (state.paused || dueAt(connection.schedule, state.lastStartedAt, now, connection.timeZone) > now) return;
      running.add(connection);
      const run = await options.service.start(connection, {
        mode: modeOf(connection, state, now),
        trigger: 'schedule',
        signal: ended.signal,
      });
      void run.result.finally(() => running.delete(connection));
    } catch (error) {
      running.delete(connection);
      const failure = toSyncError(error);
      // Somebody else runs it: that is as good.
      if (failure.code !== 'connection_busy' && failure.code !== 'cancelled') options.onError?.(connection, failure);
    }
  }

  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}

/** Epoch ms, not before `now`. A connection that never ran is due at once. */
export function dueAt(schedule: Schedule, lastStart: number | null, now: number, timeZone: string): number {
  if (schedule.kind !== 'cron') return nextDue(schedule, lastStart, now, timeZone);
  return lastStart === null ? now : Math.max(now, nextCron(schedule.cron, Math.min(lastStart, now), timeZone));
}

/** The most thorough mode that is due. The first run copies everything, which is as good as a hash of everything. */
export function modeOf(connection: Pick<FileConnection, 'modes'>, state: ScheduleState, now: number): FileMode {
  const first = Math.min(...Object.values(state.lastCompletedByMode), Number.POSITIVE_INFINITY);
  if (first === Number.POSITIVE_INFINITY) return 'quick';
  const due = (mode: FileMode, everyMs: number | null) =>
    everyMs !== null && now - (state.lastCompletedByMode[mode] ?? first) >= everyMs;
  if (due('checksum', connection.modes.checksumEveryMs)) return 'checksum';
  return due('deep', connection.modes.deepEveryMs) ? 'deep' : 'quick';
}
