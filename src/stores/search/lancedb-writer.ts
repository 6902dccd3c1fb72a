/**
 * Writes documents into a table. Those that arrive while a commit is made go together into the next one: a commit costs about as much
 * for twenty documents as for one, so whoever knows that others follow lets them catch up.
 */
import { setTimeout } from 'node:timers/promises';
import type { Table } from '@lancedb/lancedb';
import { decisive, HEAD_COLUMNS, type Head, type Row } from './lancedb-rows.ts';
import type { LanceTables } from './lancedb-tables.ts';

/**
 * `newest` replaces whatever is there; `older` leaves what was written in this epoch; `absent` only adds documents that are not
 * there, which costs least. Whoever is `alone` knows that nobody else adds the same document.
 */
export type WriteMode =
  | { readonly kind: 'newest' }
  | { readonly kind: 'older'; readonly epoch: number }
  | { readonly kind: 'absent'; readonly alone: boolean };

/** How long a document may wait for others. */
export interface Patience {
  /** By the clock of `performance`; 0: not at all. */
  readonly until: number;
  /** Nobody wants it written any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface Written {
  /** Somebody else has inserted the document at the same time: there are two. Not looked for by whoever is alone. */
  readonly doubled: boolean;
  /** Of `absent`: the document was there, so nothing was written. */
  readonly present: Head | null;
}

type AddMode = Extract<WriteMode, { readonly kind: 'absent' }>;
type ReplaceMode = Exclude<WriteMode, AddMode>;

/** A document to be written. */
export interface Writing {
  /** Of its head. */
  readonly id: string;
  /** How many rows there will be; of what is made only when it is wanted: 1. */
  readonly size: number;
  /** Its head and its passages. Of `absent` only asked for when the document is not there. */
  rows(): Promise<readonly Row[]>;
}

interface Job extends Writing {
  readonly patience: Patience;
  readonly done: PromiseWithResolvers<Written>;
}

interface Queue {
  readonly jobs: Job[];
  /** Resolved when one more is there, or when it is hurried. */
  more: PromiseWithResolvers<void>;
  /** Somebody who does not wait has come to the table. */
  hurried: boolean;
}

const MOST_DOCUMENTS = 64;
const MOST_ROWS = 20_000;
/** So much is worth a commit of its own. */
const ENOUGH = { documents: 16, rows: 2_000 };
/** Nobody waits to find these. */
const ENOUGH_ALONE = { documents: 48, rows: 8_000 };

export function createLanceWriter(tables: LanceTables, afterCommit: (table: Table, rows: number) => void) {
  /** Of each table those of each mode; `Table.name` cannot be asked for while the table works. */
  const queues = new Map<Table, Map<string, Queue>>();

  async function drain(table: Table, mode: WriteMode, queue: Queue, ended: () => void): Promise<void> {
    const { jobs } = queue;
    while (jobs.length > 0) {
      await gather(queue, mode.kind === 'absent' && mode.alone ? ENOUGH_ALONE : ENOUGH);
      queue.hurried = false;
      dropAborted(jobs);
      if (jobs.length === 0) continue;
      const together = takeTogether(jobs);
      try {
        if (mode.kind === 'absent') await add(table, mode, together);
        else await merge(table, mode, together);
      } catch (error) {
        for (const job of together) job.done.reject(error);
      }
    }
    ended();
  }

  async function merge(table: Table, mode: ReplaceMode, together: readonly Job[]): Promise<void> {
    const made = await makeAll(together);
    if (made.jobs.length === 0) return;
    await commit(table, mode, made.rows);
    const doubled = await doubledOf(table, made.jobs);
    for (const job of made.jobs) job.done.resolve({ doubled: doubled.has(job.id), present: null });
    afterCommit(table, made.rows.length);
  }

  async function add(table: Table, mode: AddMode, together: readonly Job[]): Promise<void> {
    const heads: Head[] = await table.query().where(oneOf(together)).select(HEAD_COLUMNS).toArray();
    const present = decisive(heads);
    for (const job of together) {
      const head = present.get(job.id);
      if (head !== undefined) job.done.resolve({ doubled: false, present: head });
    }
    const added = await makeAll(together.filter((job) => !present.has(job.id)));
    if (added.jobs.length === 0) return;
    await table.add(await tables.data(table, added.rows));
    const doubled = mode.alone ? new Set() : await doubledOf(table, added.jobs);
    for (const job of added.jobs) job.done.resolve({ doubled: doubled.has(job.id), present: null });
    afterCommit(table, added.rows.length);
  }

  async function commit(table: Table, mode: ReplaceMode, rows: readonly Row[]): Promise<void> {
    const condition = mode.kind === 'newest' ? undefined : { where: `target.epoch < ${mode.epoch}` };
    const merge = table.mergeInsert('id').whenMatchedUpdateAll(condition).whenNotMatchedInsertAll();
    await merge.execute(await tables.data(table, rows));
  }

  /** Whoever commits second sees both. */
  async function doubledOf(table: Table, jobs: readonly Writing[]): Promise<ReadonlySet<string>> {
    const heads: Pick<Row, 'id'>[] = await table.query().where(oneOf(jobs)).select(['id']).toArray();
    const seen = new Set<string>();
    return new Set(heads.map(({ id }) => id).filter((id) => seen.size === seen.add(id).size));
  }

  return {
    write(table: Table, mode: WriteMode, { id, size, rows }: Writing, patience: Patience): Promise<Written> {
      const job: Job = { id, size, rows, patience, done: Promise.withResolvers() };
      const ofTable = queues.get(table) ?? new Map<string, Queue>();
      queues.set(table, ofTable);
      const key = JSON.stringify(mode);
      const queue = ofTable.get(key);
      if (patience.until === 0) for (const other of ofTable.values()) hurry(other);
      if (queue) {
        queue.jobs.push(job);
        queue.more.resolve();
      } else {
        const begun: Queue = { jobs: [job], more: Promise.withResolvers(), hurried: false };
        ofTable.set(key, begun);
        void drain(table, mode, begun, () => {
          ofTable.delete(key);
          if (ofTable.size === 0) queues.delete(table);
        });
      }
      return job.done.promise;
    },
  };
}

function hurry(queue: Queue): void {
  queue.hurried = true;
  queue.more.resolve();
}

function oneOf(jobs: readonly Writing[]): string {
  return `id IN (${jobs.map(({ id }) => `'${id}'`)})`;
}

/** Those whose rows cannot be had fail alone, and those that nobody wants any more by then. */
async function makeAll(jobs: readonly Job[]): Promise<{ jobs: readonly Job[]; rows: readonly Row[] }> {
  const made = await Promise.all(
    jobs.map(async (job) => {
      try {
        const rows = await job.rows();
        job.patience.signal?.throwIfAborted();
        return { job, rows };
      } catch (error) {
        job.done.reject(error);
        return null;
      }
    }),
  );
  const there = made.filter((one) => one !== null);
  return { jobs: there.map(({ job }) => job), rows: there.flatMap(({ rows }) => rows) };
}

/** Until one of them cannot wait any longer, or there are enough. */
async function gather(queue: Queue, enough: typeof ENOUGH): Promise<void> {
  for (;;) {
    const { jobs } = queue;
    const left = Math.min(...jobs.map((job) => job.patience.until)) - performance.now();
    const rows = jobs.reduce((sum, job) => sum + job.size, 0);
    if (queue.hurried || left <= 0 || jobs.length >= enough.documents || rows >= enough.rows) return;
    queue.more = Promise.withResolvers();
    const late = new AbortController();
    const end = setTimeout(left, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([queue.more.promise, end]);
    late.abort();
  }
}

/** Its task may be somebody else's by now, and say otherwise. */
function dropAborted(jobs: Job[]): void {
  const aborted = jobs.filter((job) => job.patience.signal?.aborted === true);
  for (const job of aborted) {
    jobs.splice(jobs.indexOf(job), 1);
    job.done.reject(job.patience.signal!.reason);
  }
}

/** Each document once: of two rows with one id in a commit both would stay. */
function takeTogether(jobs: Job[]): Job[] {
  const taken: Job[] = [];
  const ids = new Set<string>();
  let rows = 0;
  for (const job of [...jobs]) {
    if (taken.length > 0 && (ids.has(job.id) || rows + job.size > MOST_ROWS)) break;
    if (taken.length === MOST_DOCUMENTS) break;
    taken.push(job);
    ids.add(job.id);
    rows += job.size;
  }
  jobs.splice(0, taken.length);
  return taken;
}
