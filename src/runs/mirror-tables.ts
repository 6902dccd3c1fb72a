/** Keeps the copies of our tables in the databases of sources in step, and compares them. */
import { type SyncError, toSyncError } from '../domain/errors.ts';
import { compareBytes } from '../domain/reference.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConnectionKey } from '../ports/document-records.ts';
import type { MirroredDocument, MirrorRecords, TableMirror } from '../ports/table-mirror.ts';

export interface Mirror {
  readonly key: ConnectionKey;
  readonly tables: TableMirror;
}

const BATCH = 500;

/**
 * Writes everything that waits. @returns false when another process is at it
 * @param onReplaced hears in how many rows characters were replaced
 * @throws SyncError; what was not written waits on
 */
export async function catchUp(
  records: MirrorRecords,
  { key, tables }: Mirror,
  signal: AbortSignal,
  onReplaced?: (rows: number) => void,
): Promise<boolean> {
  try {
    for (;;) {
      const { ids, batch } = await records.next(key, BATCH);
      if (ids.length === 0) return true;
      const { narrow } = await tables.prepare(signal);
      if (!narrow) await records.writeAnew(key);
      const written = await tables.write(batch, signal);
      if (written === null) return false;
      await records.done(key, ids, written.replaced > 0);
      if (written.replaced > 0) onReplaced?.(written.replaced);
    }
  } catch (error) {
    const failure = toSyncError(error);
    if (failure.code !== 'cancelled' && failure.code !== 'database_unavailable')
      await records.failed(key, failure.code);
    throw failure;
  }
}

export interface MirrorWorker {
  nudge(): void;
  stop(): Promise<void>;
}

const LOOK_MS = 1000;
const LONGEST_MS = 60_000;

/** One loop for each copy: a database that does not answer holds up no other. */
export function startMirrors(options: {
  readonly records: MirrorRecords;
  readonly mirrors: readonly Mirror[];
  readonly clock: Clock;
  readonly onError: (mirror: Mirror, error: SyncError) => void;
  readonly onReplaced?: (mirror: Mirror, rows: number) => void;
}): MirrorWorker {
  const { records, clock } = options;
  const ended = new AbortController();
  let wake = Promise.withResolvers<void>();

  async function keep(mirror: Mirror): Promise<void> {
    let pauseMs = LOOK_MS;
    while (!ended.signal.aborted) {
      try {
        await catchUp(records, mirror, ended.signal, (rows) => options.onReplaced?.(mirror, rows));
        pauseMs = LOOK_MS;
      } catch (error) {
        if (ended.signal.aborted) return;
        pauseMs = Math.min(pauseMs * 2, LONGEST_MS);
        options.onError(mirror, toSyncError(error));
      }
      const pause = new AbortController();
      const signal = AbortSignal.any([ended.signal, pause.signal]);
      await Promise.race([wake.promise, clock.sleep(pauseMs, signal).catch(() => undefined)]);
      pause.abort();
    }
  }

  const loops = options.mirrors.map(keep);
  return {
    nudge() {
      wake.resolve();
      wake = Promise.withResolvers();
    },
    async stop() {
      ended.abort();
      wake.resolve();
      await Promise.all(loops);
    },
  };
}

export interface MirrorDifference {
  readonly kind: 'missing' | 'surplus' | 'different';
  readonly documentUuid: string;
  readonly patientUuid: string;
  /** A sentence without personal data. */
  readonly message: string;
}

const MESSAGES = {
  missing: 'The mirrored table lacks the document.',
  surplus: 'The mirrored table has a document that was removed.',
  different: 'The mirrored table has another state of the document.',
} as const;

const COMPARED = ['patientUuid', 'reference', 'originalName', 'status', 'storedPath', 'sizeBytes', 'mimeType'] as const;

/** What waits is written before. Documents that other programs put there are none of our business. */
export async function compareMirror(
  records: MirrorRecords,
  mirror: Mirror,
  signal: AbortSignal,
): Promise<MirrorDifference[]> {
  const { key, tables } = mirror;
  await catchUp(records, mirror, signal);
  const { narrow } = await tables.prepare(signal);
  if (!narrow && (await records.writeAnew(key))) await catchUp(records, mirror, signal);
  const differences: MirrorDifference[] = [];
  const strangers: MirroredDocument[] = [];
  const ours = records.documents(key, signal)[Symbol.asyncIterator]();
  const theirs = tables.documents(signal)[Symbol.asyncIterator]();
  const tell = (kind: MirrorDifference['kind'], { documentUuid, patientUuid }: MirroredDocument) =>
    differences.push({ kind, documentUuid, patientUuid, message: MESSAGES[kind] });
  try {
    let [own, other] = [await next(ours), await next(theirs)];
    while (own !== null || other !== null) {
      const order =
        own === null ? 1 : other === null ? -1 : compareBytes(own.documentUuid, other.documentUuid.toLowerCase());
      if (order < 0) tell('missing', own!);
      else if (order > 0) strangers.push(other!);
      else if (isDifferent(tables.asHeld(own!), other!)) tell('different', own!);
      const [ownNext, otherNext] = [order <= 0, order >= 0];
      if (ownNext) own = await next(ours);
      if (otherNext) other = await next(theirs);
    }
  } finally {
    await ours.return?.();
    await theirs.return?.();
  }
  const removed = await records.removed(
    key,
    strangers.map((document) => document.documentUuid),
  );
  for (const document of strangers) if (removed.has(document.documentUuid)) tell('surplus', document);
  return differences;
}

function isDifferent(own: MirroredDocument, other: MirroredDocument): boolean {
  return COMPARED.some((name) => own[name] !== other[name]);
}

/** Writes again what differs. @returns how many were written */
export async function repairMirror(
  records: MirrorRecords,
  mirror: Mirror,
  differences: readonly MirrorDifference[],
  signal: AbortSignal,
): Promise<number> {
  await records.markAgain(mirror.key, differences);
  await catchUp(records, mirror, signal);
  return differences.length;
}

async function next<T>(iterator: AsyncIterator<T>): Promise<T | null> {
  const { done, value } = await iterator.next();
  return done === true ? null : value;
}
