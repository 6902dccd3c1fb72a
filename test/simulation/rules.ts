/**
 * What must hold at every step, judged from the practice's true history and from what the stores contain. Shares no code
 * with the engine.
 */

import type { Fence } from '../../src/ports/document-records.ts';
import type { RunEnd } from '../../src/ports/run-store.ts';
import type { MemoryDocument, MemoryWorld } from '../../src/stores/memory/world.ts';
import { keyOfItem, ownerOfContent, type Practice, type PracticeRow } from './practice.ts';
import type { SimProcess } from './scheduler.ts';

export class Violation extends Error {
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

interface Snapshot {
  /** What the source showed, by item: its version. */
  readonly present: ReadonlyMap<string, string>;
  /** Units that the read was about; null: all. */
  readonly units: ReadonlySet<string> | null;
  /** It came to its end and showed all that was there. */
  whole: boolean;
  /** The source's own count agreed. */
  believable: boolean;
  readonly tick: number;
  /** The share was there at some moment before, while this was prepared. */
  readonly shareBefore: boolean;
}

/** What one worker has read so far. A zombie's reads are no news to its successor. */
export interface Reader {
  /** The tick at which it began. */
  readonly since: number;
  snapshot: Snapshot | null;
}

interface RunFacts {
  readonly practice: Practice;
  readonly reader: Reader;
  readonly startedAt: number;
  readonly held: boolean;
  readonly stored: number;
  readonly mounts: number;
  removed: number;
}

interface Holder {
  readonly runId: string;
  readonly process: SimProcess;
  expiresAt: number;
}

export const LEASE_MS = 15_000;
export const GUARD = { maxCount: 4, maxPercent: 60, minCount: 2 };

export class Rules {
  readonly violations: Violation[] = [];
  readonly #world: MemoryWorld;
  readonly #contents: ReadonlyMap<string, Uint8Array>;
  readonly #practices: readonly Practice[];
  readonly #clock: { readonly tick: number; readonly now: number };
  readonly #only: readonly string[] | null;
  readonly #runs = new Map<string, RunFacts>();
  readonly #snapshots = new Map<Practice, Snapshot[]>();
  readonly #highestFence = new Map<string, number>();
  readonly #holders = new Map<string, Holder>();
  /** Contents that went without anybody having asked for it, and are not back yet. */
  readonly lost = new Set<string>();
  /** Held sets that a person approved. */
  readonly #approved = new Set<string>();
  /** UUID of a document whose row was replaced, by the key of the new row. */
  readonly #replaced = new Map<string, string>();

  constructor(options: {
    world: MemoryWorld;
    contents: ReadonlyMap<string, Uint8Array>;
    practices: readonly Practice[];
    clock: { readonly tick: number; readonly now: number };
    /** Rules that count; null: all. */
    only?: readonly string[] | null;
  }) {
    this.#world = options.world;
    this.#contents = options.contents;
    this.#practices = options.practices;
    this.#clock = options.clock;
    this.#only = options.only ?? null;
  }

  add(violation: Violation): void {
    if (this.#only === null || this.#only.includes(violation.rule)) this.violations.push(violation);
  }

  /** A run got its lease. */
  started(fence: Fence, process: SimProcess, held: boolean, reader: Reader): void {
    const key = `${fence.organizationId}/${fence.connectionId}`;
    const before = this.#holders.get(key);
    if (before?.process.alive && before.expiresAt >= this.#clock.now) {
      this.#break('one run at a time', `${fence.runId} began while ${before.runId} held the lease`);
    }
    this.#holders.set(key, { runId: fence.runId, process, expiresAt: this.#clock.now + LEASE_MS });
    if (fence.number <= (this.#highestFence.get(key) ?? 0)) this.#break('fences grow', fence.runId);
    this.#highestFence.set(key, fence.number);
    const practice = this.#practiceOf(fence);
    let stored = 0;
    for (const uuid of this.#world.liveDocuments.values()) {
      if (isOf(this.#world.documents.get(uuid)!, practice)) stored++;
    }
    this.#runs.set(fence.runId, {
      practice,
      reader,
      startedAt: this.#clock.tick,
      held,
      stored,
      mounts: practice.mounts,
      removed: 0,
    });
  }

  /** A write of a run took effect. */
  wrote(fence: Fence, method: string, what: unknown): void {
    const key = `${fence.organizationId}/${fence.connectionId}`;
    if (this.#highestFence.get(key) !== fence.number) {
      this.#break('no write after a take-over', `${method} of ${fence.runId} took effect`);
    }
    const holder = this.#holders.get(key);
    if (holder?.runId !== fence.runId) return;
    if (method === 'heartbeat') holder.expiresAt = this.#clock.now + LEASE_MS;
    if (method === 'touchFilesets') this.#nothingSkipped(fence.runId, null);
    if (method !== 'finish') return;
    this.#holders.delete(key);
    // The whole source was read and dealt with.
    if ((what as RunEnd).completeRead !== null) this.#nothingSkipped(fence.runId, null);
  }

  /** A run says that it is done with one patient. */
  unitFinished(result: { readonly runId: string; readonly unit: string; readonly outcome: string }): void {
    if (result.outcome === 'success') this.#nothingSkipped(result.runId, result.unit);
  }

  /** The source is read as it is at this moment. @returns hears how many rows were shown when the read has ended */
  looked(practice: Practice, units: ReadonlySet<string> | null, reader: Reader): (rowsShown: number) => void {
    const rows = practice.rows().filter((row) => units === null || units.has(row.unit)).length;
    const snapshot: Snapshot = {
      present: practice.versions(),
      units,
      whole: false,
      believable: false,
      tick: this.#clock.tick,
      shareBefore: practice.wasMountedSince(reader.since),
    };
    const list = this.#snapshots.get(practice) ?? [];
    list.push(snapshot);
    this.#snapshots.set(practice, list);
    reader.snapshot = snapshot;
    return (rowsShown) => {
      snapshot.whole = rowsShown === rows;
      snapshot.believable = snapshot.whole && practice.fault.countOff === undefined;
    };
  }

  decided(setId: string, approved: boolean): void {
    if (approved) this.#approved.add(setId);
  }

  /** A row was replaced in the source: the document must stay the same one. */
  replaced(
    practice: Practice,
    { before, after }: { before: PracticeRow; after: PracticeRow },
    content: string | null,
  ): void {
    const { liveDocuments, documents } = this.#world;
    const key = [practice.organizationId, practice.connectionId, before.unit, before.reference].join('\0');
    const document = documents.get(liveDocuments.get(key) ?? '');
    if (document === undefined || document.keptSince !== null || document.sha256 !== content) return;
    this.#replaced.set(
      `${practice.organizationId}/${practice.connectionId} ${keyOfItem(after.unit, after.reference)}`,
      document.documentUuid,
    );
  }

  /** A document's row changed. */
  documentChanged(before: MemoryDocument | undefined, after: MemoryDocument): void {
    if (after.deletedAt !== null) {
      if (before !== undefined && before.deletedAt === null) this.#removed(after);
      return;
    }
    const name = `${after.organizationId}/${after.sha256}`;
    if (!this.#contents.has(name) && !this.lost.has(name))
      this.#break('no document without its content', `${after.documentUuid} of ${after.organizationId}`);
    const owner = ownerOfContent(after.sha256);
    if (owner !== null && owner !== after.organizationId)
      this.#break('no tenant in another', `${after.documentUuid} holds a content of ${owner}`);
    if (before === undefined) this.#added(after);
  }

  contentLost(name: string): void {
    this.lost.add(name);
  }

  contentStored(name: string): void {
    this.lost.delete(name);
  }

  contentRemoved(name: string): void {
    for (const uuid of this.#world.liveDocuments.values()) {
      const document = this.#world.documents.get(uuid)!;
      if (`${document.organizationId}/${document.sha256}` === name) {
        this.#break('no content goes while a document names it', `content of ${uuid}`);
      }
    }
  }

  /** What was shown is stored as it was shown, or it is known that it could not be. */
  #nothingSkipped(runId: string, unit: string | null): void {
    const run = this.#runs.get(runId);
    const snapshot = run?.reader.snapshot;
    if (run === undefined || snapshot == null) return;
    const { organizationId, connectionId } = run.practice;
    for (const [key, version] of snapshot.present) {
      const [itemUnit, reference] = key.split(' ') as [string, string];
      if ((unit !== null && itemUnit !== unit) || (snapshot.units !== null && !snapshot.units.has(itemUnit))) continue;
      const place = [organizationId, connectionId, itemUnit, reference].join('\0');
      const document = this.#world.documents.get(this.#world.liveDocuments.get(place) ?? '');
      if (document?.title === version || this.#world.failures.has(place)) continue;
      this.#break('the cursor is never ahead of the data', `${runId}: ${key}`);
    }
  }

  #added(document: MemoryDocument): void {
    const practice = this.#practiceOf(document);
    const key = `${document.organizationId}/${document.connectionId} ${keyOfItem(document.unit, document.reference)}`;
    const former = this.#world.documents.get(this.#replaced.get(key) ?? '');
    if (former === undefined || former.documentUuid === document.documentUuid || former.deletedAt !== null) return;
    const run = this.#runs.get(this.#holders.get(`${document.organizationId}/${document.connectionId}`)?.runId ?? '');
    const snapshot = run?.reader.snapshot;
    const gone =
      snapshot?.believable &&
      run?.mounts === practice.mounts &&
      !snapshot.present.has(keyOfItem(former.unit, former.reference));
    if (!gone || former.unit !== document.unit || former.keptSince !== null || former.sha256 !== document.sha256)
      return;
    // Two equal contents of one patient may change places; who is who is nobody's loss.
    const equal = [...this.#world.liveDocuments.values()].filter((uuid) => {
      const other = this.#world.documents.get(uuid)!;
      return isOf(other, practice) && other.unit === former.unit && other.sha256 === former.sha256;
    });
    const rows = practice
      .rows()
      .filter((row) => row.unit === former.unit && practice.contentAt(row.path) === former.sha256);
    if (equal.length > 1 || rows.length > 1) return;
    this.#break(
      'a moved item keeps its document',
      `${document.documentUuid} was made although ${former.documentUuid} is there`,
    );
  }

  #removed(document: MemoryDocument): void {
    const practice = this.#practiceOf(document);
    const key = keyOfItem(document.unit, document.reference);
    const what = `${document.documentUuid} (${document.deletedReason}) of ${practice.organizationId}/${practice.connectionId}`;
    const run = this.#runs.get(document.deletedByRun ?? '');
    if (run === undefined || run.practice !== practice) {
      this.#break('nothing goes without a run', what);
      return;
    }
    run.removed++;
    if (!practice.wasAbsentSince(key, run.startedAt)) this.#break('nothing goes while the source shows it', what);
    const snapshots = this.#snapshots.get(practice) ?? [];
    const covers = (s: Snapshot) => s.whole && (s.units === null || s.units.has(document.unit));
    const missed = snapshots.filter((s) => covers(s) && !s.present.has(key)).length;
    if (document.deletedReason === 'source:missing' && missed < 2)
      this.#break('missed twice', `${what}: missed ${missed} times`);
    if (missed < 1) this.#break('nothing goes without a complete read', what);
    if (run.held) this.#heldRemoval(document, what);
    else this.#guardedRemoval(run, what);
  }

  #guardedRemoval(run: RunFacts, what: string): void {
    const { snapshot } = run.reader;
    // It may be away for a moment in between: before and after the read it must have been there.
    const there = snapshot?.shareBefore && run.practice.wasMountedSince(snapshot.tick);
    if (!there) this.#break('nothing goes while the share is away', what);
    if (run.removed > GUARD.maxCount) this.#break('the guard', `${what}: removal ${run.removed} of one run`);
    const { units, present } = snapshot ?? { units: null, present: new Map() };
    if (units === null && present.size === 0 && run.stored > 1)
      this.#break('the guard', `${what}: the source was empty`);
  }

  #heldRemoval(document: MemoryDocument, what: string): void {
    for (const { set, items } of this.#world.heldSets.values()) {
      if (!this.#approved.has(set.id) || set.organizationId !== document.organizationId) continue;
      if (items.some((item) => item.documentUuid === document.documentUuid)) return;
    }
    this.#break('held deletions only as approved', what);
  }

  #practiceOf(key: { readonly organizationId: string; readonly connectionId: string }): Practice {
    return this.#practices.find((p) => p.organizationId === key.organizationId && p.connectionId === key.connectionId)!;
  }

  #break(rule: string, detail: string): void {
    this.add(new Violation(rule, detail));
  }
}

export function isOf(document: MemoryDocument, practice: Practice): boolean {
  return document.organizationId === practice.organizationId && document.connectionId === practice.connectionId;
}
