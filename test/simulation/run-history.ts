/** Runs one history from beginning to end and says what was wrong. */
import { SyncError, toSyncError } from '../../src/domain/errors.ts';
import {
  createMemoryWorld,
  endSession,
  type MemoryDocument,
  type MemoryUnitResult,
  type MemoryWorld,
  putConnection,
} from '../../src/stores/memory/world.ts';
import type { Command } from './commands.ts';
import { endViolations } from './end-rules.ts';
import type { History } from './history.ts';
import type { Mutant, Surroundings } from './ports.ts';
import { Practice } from './practice.ts';
import { seededRandom } from './random.ts';
import { Rules, Violation } from './rules.ts';
import { Scheduler, type SimProcess } from './scheduler.ts';
import { WatchedMap } from './watched-map.ts';
import { type FileRequest, Work } from './work.ts';

export interface Ended {
  readonly violations: readonly Violation[];
  /** Equal for equal histories. */
  readonly trace: number;
  readonly steps: number;
  readonly coverage: ReadonlyMap<string, number>;
}

/** The same connection id in two organisations, on purpose. One share has a file that proves it to be there. */
const CONNECTIONS = [
  { organizationId: 'org_a', connectionId: 'vsrx', timeZone: 'Australia/Sydney' },
  { organizationId: 'org_a', connectionId: 'second', timeZone: 'America/New_York' },
  { organizationId: 'org_b', connectionId: 'vsrx', timeZone: 'Australia/Lord_Howe', marker: '.share' },
];
/** A little before clocks are changed, forward or back, in one of these zones. */
const STARTS = [
  Date.UTC(2026, 3, 4, 14, 55),
  Date.UTC(2026, 3, 4, 15, 50),
  Date.UTC(2026, 9, 3, 15, 25),
  Date.UTC(2026, 2, 8, 6, 50),
  Date.UTC(2026, 10, 1, 5, 50),
];
/** More than any history needs: whoever needs more hangs. */
const MOST_STEPS = 60_000;
const HOUR = 3600_000;
const DAY = 24 * HOUR;

/** @param only rules that count; null: all */
export async function runHistory(
  history: History,
  mutant: Mutant | null = null,
  only: readonly string[] | null = null,
): Promise<Ended> {
  const simulation = new Simulation(history, mutant, only);
  try {
    await simulation.live();
    await simulation.settle();
  } catch (error) {
    simulation.rules.add(
      error instanceof Violation
        ? error
        : new Violation('nothing unforeseen', String((error as Error)?.stack ?? error)),
    );
  }
  const { scheduler, rules } = simulation;
  return { violations: rules.violations, trace: scheduler.trace, steps: scheduler.tick, coverage: scheduler.coverage };
}

class Simulation {
  readonly scheduler: Scheduler;
  readonly rules: Rules;
  readonly #history: History;
  readonly #world: MemoryWorld;
  readonly #practices: readonly Practice[];
  readonly #around: Surroundings;
  readonly #processes = new Map<string, SimProcess>();
  readonly #places: SimProcess[] = [];
  readonly #tasks = new Map<object, SimProcess>();
  readonly #contents = new WatchedMap<string, Uint8Array>();
  readonly #work: Work;
  #born = 0;

  constructor(history: History, mutant: Mutant | null, only: readonly string[] | null) {
    this.#history = history;
    const scheduler = new Scheduler(seededRandom(history.schedule), STARTS[history.schedule % STARTS.length]!);
    this.scheduler = scheduler;
    this.#practices = CONNECTIONS.map((connection) => new Practice(connection, scheduler));
    const documents = new WatchedMap<string, MemoryDocument>();
    const contents = this.#contents;
    const units = new WatchedMap<string, MemoryUnitResult>();
    this.#world = { ...createMemoryWorld(), documents, units };
    this.rules = new Rules({ world: this.#world, contents, practices: this.#practices, clock: scheduler, only });
    documents.onSet = (before, after) => this.rules.documentChanged(before, after);
    units.onSet = (_, result) => this.rules.unitFinished(result);
    contents.onSet = (_before, _after, name) => this.rules.contentStored(name);
    contents.onDelete = (name) => this.rules.contentRemoved(name);
    for (const { organizationId, connectionId } of CONNECTIONS)
      putConnection(this.#world, { organizationId, connectionId });
    this.#around = { scheduler, world: this.#world, contents, rules: this.rules, processes: this.#processes };
    this.#work = new Work(this.#around, mutant);
    scheduler.onCrash((process) => {
      endSession(this.#world, process.session);
      for (const [task, owner] of this.#tasks) if (owner === process) this.#tasks.delete(task);
    });
  }

  /** The commands, each at its moment, with faults. */
  async live(): Promise<void> {
    this.scheduler.faultRate = this.#history.faults / 1000;
    this.scheduler.aim = this.#history.aim;
    for (const { command, steps } of this.#history.commands) {
      await this.#do(command);
      await this.#steps(steps);
    }
  }

  /** Accidents and faults end, people decide, time passes: now everything must become right. */
  async settle(): Promise<void> {
    this.scheduler.faultRate = 0;
    this.scheduler.aim = null;
    for (const practice of this.#practices) practice.heal();
    for (const process of this.#processes.values()) {
      process.frozenUntil = 0;
      process.cutOffUntil = 0;
      process.skew = 0;
    }
    await this.#rest();
    for (let round = 0; round < 4; round++) {
      // Longer than any clock is wrong: what a fast one dated in the future is judged when that time has come.
      await this.scheduler.pass(3 * HOUR);
      for (const practice of this.#practices) {
        this.#sync(0, practice, { mode: round === 0 ? 'checksum' : 'quick', trigger: 'manual' });
        await this.#rest();
        this.#decide(0, practice, true);
        await this.#rest();
      }
    }
    for (let round = 0; round < 2; round++) {
      await this.scheduler.pass(8 * DAY);
      for (const organizationId of ['org_a', 'org_b']) this.#care(0, organizationId);
      await this.#rest();
    }
    const found = endViolations(this.#world, this.#contents, this.#practices, this.rules.lost);
    for (const violation of found) this.rules.add(violation);
  }

  async #steps(count: number): Promise<void> {
    for (let i = 0; i < count && this.#tasks.size > 0; i++) await this.#step();
  }

  /** Until nobody works any more. */
  async #rest(): Promise<void> {
    while (this.#tasks.size > 0) await this.#step();
  }

  async #step(): Promise<void> {
    if (this.scheduler.tick > MOST_STEPS)
      throw new Violation('everything ends', `${this.#tasks.size} tasks are still at work`);
    if (!(await this.scheduler.step()) && this.#tasks.size > 0)
      throw new Violation('everything ends', 'somebody waits for nothing');
    const [first] = this.rules.violations;
    if (first !== undefined) throw first;
  }

  async #do(command: Command): Promise<void> {
    const practice = 'connection' in command ? this.#practices[command.connection]! : this.#practices[0]!;
    switch (command.type) {
      case 'add':
        return practice.add(command.unit, command.content);
      case 'change':
        return practice.change(command.file, command.content, command.told);
      case 'move':
        return practice.move(command.file);
      case 'replace': {
        const rows = practice.replace(command.file);
        if (rows !== null) this.rules.replaced(practice, rows, practice.contentAt(rows.after.path));
        return;
      }
      case 'flag':
        return practice.flag(command.file);
      case 'delete':
        return practice.delete(command.file);
      case 'reassign':
        return practice.reassign(command.file, command.unit);
      case 'remove-patient':
        return practice.removePatient(command.unit);
      case 'lose-file':
        return practice.loseFile(command.file);
      case 'lose-content':
        return this.#loseContent(practice, command.file);
      case 'lose-marker':
        return practice.loseMarker();
      case 'empty':
        return practice.empty();
      case 'refill':
        return practice.refill();
      case 'unmount':
        return practice.unmount();
      case 'mount':
        return practice.mount(command.other ? 'another' : undefined);
      case 'partial':
        practice.fault.endsAfter = command.rows;
        return;
      case 'miscount':
        practice.fault.countOff = 1;
        return;
      case 'unreachable':
        practice.fault.unreachable = true;
        return;
      case 'heal':
        return practice.heal();
      case 'crash':
        return this.scheduler.crash(this.#process(command.process));
      case 'freeze':
        this.#process(command.process).frozenUntil = this.scheduler.now + command.ms;
        return;
      case 'cut-off':
        this.#process(command.process).cutOffUntil = this.scheduler.now + command.ms;
        return;
      case 'clock':
        this.#process(command.process).skew = command.ms;
        return;
      case 'sync': {
        const { mode, trigger, unit } = command;
        return this.#sync(command.process, practice, { mode, trigger, ...(unit === null ? {} : { unit }) });
      }
      case 'decide':
        return this.#decide(command.process, practice, command.approve);
      case 'care':
        return this.#care(command.process, practice.organizationId);
      case 'cancel':
        return this.#cancel(practice);
      case 'plan': {
        const { mode, unit } = command;
        const request = { mode, trigger: 'manual', ...(unit === null ? {} : { unit }) } as const;
        return this.#at(command.process, (process) => this.#work.plan(process, practice, request));
      }
      case 'apply-plan':
        return this.#at(command.process, (process) => this.#work.applyPlan(process, practice));
      case 'stop':
        return this.#at(command.process, async (process) => {
          await this.#work.stop(process);
          this.scheduler.crash(process);
        });
      case 'wait':
        return this.scheduler.pass(command.ms);
    }
  }

  /** A process that died is replaced by another one in its place. */
  #process(place: number): SimProcess {
    let process = this.#places[place];
    if (process?.alive !== true) {
      process = { id: `process-${++this.#born}`, session: {}, alive: true, frozenUntil: 0, cutOffUntil: 0, skew: 0 };
      this.#places[place] = process;
      this.#processes.set(process.id, process);
    }
    return process;
  }

  #sync(place: number, practice: Practice, request: FileRequest): void {
    this.#at(place, (process) => this.#work.sync(process, practice, request));
  }

  #decide(place: number, practice: Practice, approve: boolean): void {
    this.#at(place, (process) => this.#work.decide(process, practice, approve));
  }

  #care(place: number, organizationId: string): void {
    const practice = this.#practices.find((p) => p.organizationId === organizationId)!;
    this.#at(place, (process) => this.#work.care(process, practice));
  }

  /** A content of the organisation goes: a disk fails, somebody tidies up. */
  #loseContent({ organizationId }: Practice, index: number): void {
    const names = [...this.#contents.keys()].filter((name) => name.startsWith(`${organizationId}/`)).sort();
    const name = names[index % names.length];
    if (name === undefined) return;
    this.#contents.lose(name);
    this.rules.contentLost(name);
  }

  #cancel({ organizationId, connectionId }: Practice): void {
    const runs = [...this.#world.runs.values()].filter(
      (run) => run.organizationId === organizationId && run.connectionId === connectionId,
    );
    const run = runs.at(-1);
    if (run !== undefined && run.finishedAt === null) this.#world.runs.set(run.id, { ...run, cancelRequested: true });
  }

  /** Sets a process to work; it may die before it is done. */
  #at(place: number, work: (process: SimProcess) => Promise<unknown>): void {
    const process = this.#process(place);
    const task = {};
    this.#tasks.set(task, process);
    const unforeseen = (what: string) => this.rules.add(new Violation('nothing unforeseen', what));
    work(process)
      .then((result) => {
        const code = (result as { error?: { code: string; message: string } | null } | null)?.error;
        if (code?.code === 'unexpected') unforeseen(code.message);
      })
      .catch((error: unknown) => {
        if (!(error instanceof SyncError) || toSyncError(error).code === 'unexpected')
          unforeseen(String((error as Error).stack));
      })
      .finally(() => this.#tasks.delete(task));
  }
}
