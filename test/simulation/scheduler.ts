/**
 * Decides, by the seed alone, what happens next: which waiting call of which process goes on, how much time passes, and
 * which fault hits it. Nothing here asks the machine for time or chance.
 */
import { SyncError } from '../../src/domain/errors.ts';
import type { SeededRandom } from './random.ts';

export interface SimProcess {
  readonly id: string;
  /** What it holds in the database: ends with it. */
  readonly session: object;
  alive: boolean;
  /** Until then it neither runs nor notices: a zombie if that is longer than its lease. */
  frozenUntil: number;
  /** Until then it reaches no store: a partition. The others do. */
  cutOffUntil: number;
  /** Its clock, against the true time, in ms. */
  skew: number;
}

export type Fault = 'none' | 'fail' | 'lose' | 'late' | 'crash-before' | 'crash-after';

interface Waiting {
  readonly process: SimProcess;
  readonly what: string;
  readonly goOn: () => void;
}

/** A message under way: it arrives whatever has become of its sender. */
interface Message {
  readonly due: number;
  readonly what: string;
  readonly effect: () => Promise<unknown>;
}

interface Timer extends Waiting {
  readonly due: number;
}

/** Mean of the time that one call takes. */
const CALL_MS = 12;
/** The longest time that a message is under way. */
const SLOWEST_MESSAGE_MS = 60_000;

export class Scheduler {
  /** Epoch ms. */
  now: number;
  /** Calls that went on so far: the only order of events there is. */
  tick = 0;
  faultRate = 0;
  /** A method that meets faults far more often. */
  aim: string | null = null;
  /** How often each fault hit each method: a pair that is never hit is a hole. */
  readonly coverage = new Map<string, number>();
  readonly random: SeededRandom;
  #waiting: Waiting[] = [];
  #timers: Timer[] = [];
  #messages: Message[] = [];
  #trace = 0;
  #onCrash: (process: SimProcess) => void = () => undefined;

  constructor(random: SeededRandom, start: number) {
    this.random = random;
    this.now = start;
  }

  onCrash(handler: (process: SimProcess) => void): void {
    this.#onCrash = handler;
  }

  /** A number that differs as soon as anything happened in another order. */
  get trace(): number {
    return this.#trace;
  }

  /** Waits for its turn. Never resolves for a process that has died. */
  gate(process: SimProcess, what: string): Promise<void> {
    if (!process.alive) return never();
    return new Promise((goOn) => this.#waiting.push({ process, what, goOn }));
  }

  sleep(process: SimProcess, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!process.alive) return never();
    return new Promise((resolve, reject) => {
      const timer: Timer = {
        process,
        what: 'clock.sleep',
        due: this.now + Math.max(0, ms),
        goOn: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        this.#waiting = this.#waiting.filter((other) => other !== timer);
        reject(signal?.reason ?? new SyncError('cancelled'));
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#timers.push(timer);
    });
  }

  /** What happens to a call that may fail. Counted for the report. @param writes it can take effect late */
  fault(method: string, writes: boolean): Fault {
    if (!this.random.chance(method === this.aim ? 0.4 : this.faultRate)) return 'none';
    const kinds: readonly Fault[] = writes
      ? ['fail', 'lose', 'late', 'late', 'crash-before', 'crash-after']
      : ['fail', 'lose', 'fail', 'lose', 'crash-before', 'crash-after'];
    const kind = kinds[this.random.below(kinds.length)]!;
    this.count(method, kind);
    return kind;
  }

  /** Whether the message arrives once more. */
  repeats(method: string): boolean {
    return this.random.chance(method === this.aim ? 0.2 : this.faultRate);
  }

  /** Takes effect some time from now. */
  send(what: string, effect: () => Promise<unknown>): void {
    const due = this.now + this.random.below(this.random.chance(0.5) ? 1000 : SLOWEST_MESSAGE_MS);
    this.#messages.push({ due, what, effect });
    this.#messages.sort((a, b) => a.due - b.due);
  }

  /** Lets time go by. Messages arrive in their time. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    for (let next = this.#messages[0]; next !== undefined && next.due <= until; next = this.#messages[0]) {
      this.now = Math.max(this.now, next.due);
      await this.#arrive();
    }
    this.now = until;
  }

  async #arrive(): Promise<void> {
    while (this.#messages[0] !== undefined && this.#messages[0].due <= this.now) {
      const { what, effect } = this.#messages.shift()!;
      this.tick++;
      this.#note('message', what);
      // Nobody waits for its answer any more.
      effect().catch(() => undefined);
      await settled();
    }
  }

  count(method: string, fault: string): void {
    const key = `${method} ${fault}`;
    this.coverage.set(key, (this.coverage.get(key) ?? 0) + 1);
  }

  crash(process: SimProcess): void {
    if (!process.alive) return;
    process.alive = false;
    this.#waiting = this.#waiting.filter((other) => other.process !== process);
    this.#timers = this.#timers.filter((other) => other.process !== process);
    this.#onCrash(process);
  }

  /** Lets one call go on. @returns false when nobody waits for anything */
  async step(): Promise<boolean> {
    await this.#arrive();
    this.#dueTimers();
    const ready = this.#waiting.filter((call) => call.process.frozenUntil <= this.now);
    if (ready.length === 0) {
      if (this.#passTime()) return true;
      // Somebody may be about to end, or to ask for something.
      await settled();
      return this.#waiting.length + this.#timers.length > 0;
    }
    const call = ready[this.random.below(ready.length)]!;
    this.#waiting.splice(this.#waiting.indexOf(call), 1);
    this.tick++;
    // Now and then everything is slow, so that leases end and heartbeats come late.
    this.now += this.random.chance(0.002) ? this.random.below(20_000) : this.random.below(2 * CALL_MS);
    this.#note(call.process.id, call.what);
    call.goOn();
    await settled();
    return true;
  }

  #dueTimers(): void {
    if (this.#timers.length === 0) return;
    const due = this.#timers.filter((timer) => timer.due <= this.now);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter((timer) => timer.due > this.now);
    this.#waiting.push(...due);
  }

  #passTime(): boolean {
    const next = [
      ...this.#timers.map((timer) => Math.max(timer.due, timer.process.frozenUntil)),
      ...this.#waiting.map((call) => call.process.frozenUntil),
    ];
    if (next.length === 0) return false;
    this.now = Math.max(this.now + 1, Math.min(...next));
    return true;
  }

  #note(...texts: readonly string[]): void {
    let hash = this.#trace ^ this.now;
    for (const text of texts) {
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    }
    this.#trace = hash >>> 0;
  }
}

export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** Everything that follows from the last event without another one has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
