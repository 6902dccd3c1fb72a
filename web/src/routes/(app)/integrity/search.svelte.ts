import type { AuditEntry } from '#lib/api/client.ts';
import { asProblem, type Problem } from '#lib/api/problem.ts';

const PAGE = 50;

export interface AuditQuery {
  limit: number;
  before?: number;
  action?: string;
  actor?: string;
  subject?: string;
  result?: AuditEntry['result'];
}

/** The audit log from its newest entry on, page by page. */
export class AuditSearch {
  entries = $state.raw<readonly AuditEntry[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);
  more = $state(false);
  action = $state('');
  actor = $state('');
  subject = $state('');
  result = $state<AuditEntry['result'] | ''>('');
  #ask: (query: AuditQuery) => Promise<readonly AuditEntry[]>;

  constructor(ask: (query: AuditQuery) => Promise<readonly AuditEntry[]>) {
    this.#ask = ask;
    void this.find();
  }

  /** What the entries that are shown were asked for by: what is being written in the form counts with the next search. */
  #asked: Omit<AuditQuery, 'limit'> = {};
  #turn = 0;

  find(): Promise<void> {
    this.#asked = this.#filter();
    return this.#load([]);
  }
  older(): Promise<void> {
    return this.#load(this.entries ?? []);
  }

  async #load(before: readonly AuditEntry[]): Promise<void> {
    const turn = ++this.#turn;
    this.busy = true;
    try {
      const last = before.at(-1);
      const found = await this.#ask({
        ...this.#asked,
        limit: PAGE,
        ...(last === undefined ? {} : { before: last.id }),
      });
      if (turn !== this.#turn) return;
      this.entries = [...before, ...found];
      this.more = found.length === PAGE;
      this.problem = null;
    } catch (error) {
      if (turn === this.#turn) this.problem = asProblem(error);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  #filter(): Omit<AuditQuery, 'limit'> {
    const { action, actor, subject, result } = this;
    return {
      ...(action.trim() === '' ? {} : { action: action.trim() }),
      ...(actor.trim() === '' ? {} : { actor: actor.trim() }),
      ...(subject.trim() === '' ? {} : { subject: subject.trim() }),
      ...(result === '' ? {} : { result }),
    };
  }
}
