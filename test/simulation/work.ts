/** What a process is asked to do: the engine's entrances as the service and the command line use them. */
import { applyHeldSet } from '../../src/engine/files/apply-held.ts';
import { applyPlan, planFiles } from '../../src/engine/files/plan-files.ts';
import type { FileSettings } from '../../src/engine/files/settings.ts';
import type { FileSyncRequest } from '../../src/engine/files/sync-files.ts';
import type { SpooledLines } from '../../src/ports/change-spool.ts';
import { tidy } from '../../src/runs/housekeeping.ts';
import { createSyncService, type SyncService } from '../../src/runs/sync-service.ts';
import { type Mutant, portsOf, type Surroundings } from './ports.ts';
import type { Practice } from './practice.ts';
import { GUARD, type Reader } from './rules.ts';
import type { SimProcess } from './scheduler.ts';

const DAY = 86_400_000;
/** What a process that is asked to stop gives its runs. */
const GRACE_MS = 5000;

export type FileRequest = Pick<FileSyncRequest, 'mode' | 'trigger' | 'unit'>;

/** A plan file: stays where it is when its maker dies. */
interface Plan {
  readonly lines: readonly string[];
  readonly reader: Reader;
}

export class Work {
  readonly #around: Surroundings;
  readonly #mutant: Mutant | null;
  readonly #services = new WeakMap<SimProcess, SyncService>();
  readonly #plans = new Map<Practice, Plan>();

  constructor(around: Surroundings, mutant: Mutant | null) {
    this.#around = around;
    this.#mutant = mutant;
  }

  async sync(process: SimProcess, practice: Practice, request: FileRequest): Promise<unknown> {
    const connection = {
      connector: 'vsrx',
      organizationId: practice.organizationId,
      id: practice.connectionId,
      settings: settingsOf(practice),
      ports: this.#ports(process, practice),
      schedule: null,
      timeoutMs: null,
      timeZone: practice.timeZone,
      modes: { deepEveryMs: null, checksumEveryMs: null },
      dryRun: false,
    } as const;
    const { result } = await this.#serviceOf(process).start(connection, request);
    return result;
  }

  /** As a process does that is asked to end: no new runs, some time for those at work. */
  stop(process: SimProcess): Promise<void> {
    return this.#serviceOf(process).stop(GRACE_MS);
  }

  /** A person looks at the newest held set and says yes or no; yes is carried out at once. */
  async decide(process: SimProcess, practice: Practice, approve: boolean): Promise<unknown> {
    const ports = this.#ports(process, practice);
    const settings = settingsOf(practice);
    const sets = await ports.runs.heldSets(settings.organizationId, settings.connectionId);
    const set = sets.find((candidate) => candidate.state === 'pending' || candidate.state === 'approved');
    if (set === undefined) return null;
    if (set.state === 'pending') {
      const decision = { approve, by: 'a person', note: null };
      const { now } = this.#around.scheduler;
      const done = await ports.runs.decideHeldSet(settings.organizationId, set.id, decision, now);
      if (!done || !approve) return null;
    }
    return applyHeldSet(ports, settings, { setId: set.id });
  }

  /** Writes a plan file, in place of the one before when it is whole. */
  async plan(process: SimProcess, practice: Practice, { mode, unit }: FileRequest): Promise<unknown> {
    const reader: Reader = { since: this.#around.scheduler.tick, snapshot: null };
    const lines: string[] = [];
    const request = { mode, signal: new AbortController().signal, ...(unit === undefined ? {} : { unit }) };
    await planFiles(
      this.#ports(process, practice, reader),
      settingsOf(practice),
      request,
      (line) => {
        lines.push(line);
      },
      () => undefined,
    );
    this.#plans.set(practice, { lines, reader });
    return null;
  }

  /** Executes the plan file that lies there, however old it is. */
  async applyPlan(process: SimProcess, practice: Practice): Promise<unknown> {
    const plan = this.#plans.get(practice);
    if (plan === undefined) return null;
    const file: SpooledLines = {
      async *lines() {
        yield* plan.lines;
      },
      discard: async () => undefined,
    };
    // What was read for the plan is all that is known when it is executed.
    const reader: Reader = { ...plan.reader };
    return applyPlan(this.#ports(process, practice, reader), settingsOf(practice), file);
  }

  async care(process: SimProcess, practice: Practice): Promise<void> {
    const { records, blobs, clock } = this.#ports(process, practice);
    const retention = { releasedBlobsMs: 7 * DAY, runsMs: null, tombstonesMs: null };
    const retained = { purgeRuns: async () => 0, purgeTombstones: async () => 0 };
    await tidy(
      { records, blobs, bookings: { expireHolds: async () => [] }, clock, retained, retention },
      practice.organizationId,
    );
  }

  #ports(process: SimProcess, practice: Practice, reader?: Reader) {
    return portsOf(process, practice, this.#around, this.#mutant, reader);
  }

  #serviceOf(process: SimProcess): SyncService {
    const known = this.#services.get(process);
    if (known !== undefined) return known;
    const { scheduler } = this.#around;
    const clock = {
      now: () => scheduler.now + process.skew,
      sleep: (ms: number, signal?: AbortSignal) => scheduler.sleep(process, ms, signal),
    };
    const service = createSyncService({ clock });
    this.#services.set(process, service);
    return service;
  }
}

function settingsOf({ organizationId, connectionId }: Practice): FileSettings {
  return {
    organizationId,
    connectionId,
    activate: 'all',
    guard: GUARD,
    filesPerBatch: 3,
    maxParallelUploads: 2,
    fanOutUnits: 500,
    retry: { attempts: 2, baseDelayMs: 50, maxDelayMs: 1000 },
  };
}
