/**
 * Reads one list of a source and stores what differs, some pages at a time: the next ones are read and compared while some are written.
 *
 * Paging by offset drifts while people work: a record that vanishes moves the later ones forward, and one of them is skipped. Counts
 * alone do not tell, when another one came at the same time. So of what was counted at the beginning everything must have come,
 * records that arrived meanwhile left aside, or the list is read again.
 */
import { type ClinicRecord, isWithdrawn, type RecordStream } from '../../domain/clinic.ts';
import { SyncError } from '../../domain/errors.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { StoredRecord, StreamState } from '../../ports/clinic-records.ts';
import type { ReadQuestion, SourcePage } from '../../ports/clinic-source.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import { requirePlanned } from '../keep-to-plan.ts';
import type { RunSession } from '../run-session.ts';
import { Lanes } from './lanes.ts';
import { readAhead } from './read-ahead.ts';
import type { RecordPorts } from './settings.ts';

export interface StreamRead {
  /** Ids that were delivered by the last pass. */
  readonly seen: ReadonlySet<string>;
  /** Those among them that the source shows and says to be no more. */
  readonly withdrawn: ReadonlySet<string>;
  readonly startedAt: number;
  readonly finishedAt: number;
  /** The source's clock when the read began, never later than ours: where the next read of changes begins. */
  readonly serverStart: number;
  readonly total: number;
  /** Everything came that was there at the beginning, and as much as there was at the end. */
  readonly agrees: boolean;
  readonly counts: { readonly added: number; readonly updated: number; readonly same: number };
}

export interface StreamQuestion {
  readonly question: ReadQuestion;
  readonly urgent: boolean;
  /** A read of everything notes how far it came; since when it has been going on, when it goes on. Null: it notes nothing. */
  readonly resumable: { readonly startedAt: string | null } | null;
  /** Nothing else is stored; null: the run has no plan. */
  readonly planned: PlannedItems | null;
}

export const MAX_PASSES = 3;
/** A list that still grows by its last page may have a few more than it promised. */
const SPARE_PAGES = 20;
const PAGE_SIZE = 100;
/** Pages in one transaction; so many are read ahead at most. */
const PAGES_AT_ONCE = 5;
/** Transactions at once. */
const WRITERS = 2;
const NOTHING = { added: [], updated: [], same: 0, back: [], neverStored: true };

/**
 * @returns also when the counts do not agree after several passes, as long as nothing is known to be left out
 * @throws SyncError `source_incomplete` when the source promised more than it delivered, `plan_differs`
 */
export async function readStream(
  ports: RecordPorts,
  key: ConnectionKey,
  session: RunSession,
  stream: RecordStream,
  asked: StreamQuestion,
): Promise<StreamRead> {
  const startedAt = ports.clock.now();
  const counts = { added: 0, updated: 0, same: 0 };
  const isFirst = await ports.records.isEmpty(key, stream);
  let serverStart: number | null = null;
  let before: PartCounts | null = null;
  for (let pass = 1; ; pass++) {
    const seen = new Set<string>();
    const withdrawn = new Set<string>();
    const parts: PartCounts = new PartCounts(before);
    before = parts;
    let pages = 0;
    let barren = 0;
    // Each page is judged as it comes; what came while others were stored is stored together.
    const judged = async function* (stop: AbortSignal): AsyncGenerator<SourcePage> {
      const signal = AbortSignal.any([session.signal, stop]);
      for await (const page of ports.source.read(stream, asked.question, { signal, urgent: asked.urgent })) {
        session.signal.throwIfAborted();
        const isNew = parts.add(page);
        barren = isNew || page.last ? 0 : barren + 1;
        if (barren > 2 || ++pages > Math.ceil(parts.promised / PAGE_SIZE) + SPARE_PAGES) {
          throw new SyncError('source_incomplete', { detail: `List: ${stream}. Its pages do not come to an end.` });
        }
        yield page;
      }
    };
    const writers = new Lanes(WRITERS);
    let stored: SourcePage | null = null;
    const reached = () => (stored === null ? {} : stateAfter(stored, asked, serverStart ?? startedAt));
    try {
      for await (const portion of readAhead(judged, PAGES_AT_ONCE)) {
        session.signal.throwIfAborted();
        for (const page of portion) serverStart ??= Math.min(startedAt, page.serverTime ?? startedAt);
        // The last of several with one id counts.
        const unique = new Map(portion.flatMap((page) => page.records).map((record) => [record.reference, record]));
        // What came before in this pass may just be on its way to the store.
        const repeated = [...unique.keys()].filter((reference) => seen.has(reference));
        if (repeated.length > 0) await writers.idle();
        for (const [reference, record] of unique) {
          seen.add(reference);
          if (isWithdrawn(record)) withdrawn.add(reference);
          else withdrawn.delete(reference);
        }
        const references = isFirst && pass === 1 ? repeated : [...unique.keys()];
        const known = await ports.records.find(key, stream, references);
        const changes = { ...compare([...unique.values()], known), neverStored: known.size === 0 };
        requirePlanned(asked.planned, deedsOf(stream, changes), stream);
        const progress = unique.size - repeated.length;
        const last = portion.at(-1)!;
        const write = async () => {
          // Tells of what is stored already: the portion that was begun before this one may still be on its way.
          await store(ports, session, stream, changes, reached());
          counts.added += changes.added.length;
          counts.updated += changes.updated.length;
          // What is read again is not counted again.
          if (pass > 1) return;
          counts.same += changes.same;
          session.count({ same: changes.same });
          session.advance(progress);
        };
        await writers.start(write, () => {
          stored = last;
        });
      }
      await writers.idle();
    } catch (error) {
      await writers.settled();
      // The next run goes on behind all that is stored. Why this one ends is more important than whether that could be noted.
      await store(ports, session, stream, NOTHING, reached()).catch(() => undefined);
      throw error;
    }
    if (parts.agree || pass >= MAX_PASSES) {
      if (parts.isShort) {
        throw new SyncError('source_incomplete', {
          detail: `List: ${stream}. It promised ${parts.promised} entries and delivered ${parts.count}.`,
        });
      }
      const { agree: agrees } = parts;
      const total = seen.size;
      const finishedAt = ports.clock.now();
      return { seen, withdrawn, startedAt, finishedAt, serverStart: serverStart ?? startedAt, total, agrees, counts };
    }
  }
}

interface PartCount {
  readonly first: number;
  last: number;
  pages: number;
  readonly own: Set<string>;
  /** Of `own`, those that were surely not there at the beginning, or may not have been; null: nobody can tell. */
  arrived: Set<string> | null;
}

/** What each part of a read promised, at its beginning and at its end, and what it delivered. */
export class PartCounts {
  readonly #parts: PartCount[] = [];
  readonly #before: PartCounts | null;

  /** @param before the pass before this one: what that delivered was there when this one began */
  constructor(before: PartCounts | null = null) {
    this.#before = before;
  }

  /** @returns whether the page brought anything new of its part */
  add(page: SourcePage): boolean {
    this.#parts[page.part] ??= { first: page.total, last: page.total, pages: 0, own: new Set(), arrived: new Set() };
    const part = this.#parts[page.part]!;
    part.last = page.total;
    part.pages++;
    if (page.arrived === null) part.arrived = null;
    for (const reference of page.arrived ?? []) {
      if (!this.hasDelivered(page.part, reference)) part.arrived?.add(reference);
    }
    const before = part.own.size;
    for (const record of page.records) part.own.add(record.reference);
    return part.own.size > before;
  }

  /** In this pass or an earlier one. */
  hasDelivered(part: number, reference: string): boolean {
    return this.#parts[part]?.own.has(reference) === true || this.#before?.hasDelivered(part, reference) === true;
  }

  get promised(): number {
    return this.#parts.reduce((sum, part) => sum + part.last, 0);
  }

  get count(): number {
    return this.#parts.reduce((sum, part) => sum + part.own.size, 0);
  }

  get agree(): boolean {
    return this.#parts.every((part) => {
      // One page is of one moment.
      if (part.pages === 1 || part.arrived === null) return part.first === part.last && part.own.size === part.last;
      return part.own.size - part.arrived.size === part.first && part.own.size >= part.last;
    });
  }

  get isShort(): boolean {
    return this.#parts.some((part) => part.own.size < part.last);
  }
}

function stateAfter(page: SourcePage, asked: StreamQuestion, serverStart: number): Partial<StreamState> {
  if (asked.resumable === null || page.position === null || page.last) return {};
  const startedAt = asked.resumable.startedAt ?? new Date(serverStart).toISOString();
  return { unfinished: { startedAt, createdFrom: page.position } };
}

/** Writes the difference, in one transaction with how far the read came. */
async function store(
  ports: RecordPorts,
  session: RunSession,
  stream: RecordStream,
  changes: ReturnType<typeof compare> & { readonly neverStored: boolean },
  state: Partial<StreamState>,
): Promise<void> {
  const { added, updated, neverStored, back } = changes;
  if (added.length + updated.length > 0 || Object.keys(state).length > 0) {
    await ports.records.write(session.fence, stream, { added, updated, neverStored }, state, ports.clock.now());
  }
  if (back.length > 0) await ports.records.clearMissing(session.fence, stream, back);
  // An attachment is counted when its document is here.
  if (stream !== 'patient_attachments') session.count({ added: added.length, updated: updated.length });
}

function* deedsOf(unit: RecordStream, { added, updated }: Pick<ReturnType<typeof compare>, 'added' | 'updated'>) {
  for (const { reference } of added) yield { what: 'add', unit, reference } as const;
  for (const { reference } of updated) yield { what: 'update', unit, reference } as const;
}

/** Pure: what a page says against what is stored. A record that was removed and is back counts as added. */
export function compare(
  page: readonly ClinicRecord[],
  stored: ReadonlyMap<string, StoredRecord>,
): {
  readonly added: ClinicRecord[];
  readonly updated: ClinicRecord[];
  readonly same: number;
  /** Seen again although they were missing, or kept by a person. */
  readonly back: string[];
} {
  const added: ClinicRecord[] = [];
  const updated: ClinicRecord[] = [];
  const back: string[] = [];
  let same = 0;
  for (const record of page) {
    const before = stored.get(record.reference);
    if (isWithdrawn(record)) {
      // What we never had, or have taken away already, stays away.
      if (before === undefined || before.removed || before.fingerprint === record.fingerprint) same++;
      else updated.push(record);
      continue;
    }
    if (before === undefined || before.removed) added.push(record);
    else if (before.fingerprint !== record.fingerprint) updated.push(record);
    else same++;
    if (before !== undefined && !before.removed && (before.missingSince !== null || before.kept))
      back.push(record.reference);
  }
  return { added, updated, same, back };
}
