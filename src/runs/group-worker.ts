/** Makes the PDFs of groups, one at a time in each process that works. Every step may be done again. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type SyncError, toSyncError } from '../domain/errors.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { DocumentContent, DocumentLimits } from '../ports/document-content.ts';
import type { GroupTask, GroupWork } from '../ports/document-groups.ts';

export interface GroupWorkerOptions {
  readonly groups: GroupWork;
  readonly blobs: BlobStore;
  readonly content: DocumentContent;
  readonly clock: Clock;
  /** Exists. */
  readonly scratch: string;
  readonly limits: DocumentLimits;
  readonly onError?: (error: SyncError) => void;
}

/** Groups are made by hand, and seldom. */
const LOOK_MS = 2000;
/** Longer than the time that one document has and the one that it waits for, shorter than a lease. */
const TASK_MS = 780_000;
const ATTEMPTS = 5;
const LONGEST_DELAY_MS = 900_000;

export function startGroupWorker(options: GroupWorkerOptions): { stop(): Promise<void> } {
  const { groups, blobs, content, clock } = options;
  const ended = new AbortController();

  async function handle(task: GroupTask): Promise<void> {
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(TASK_MS)]);
    try {
      await make(task, signal);
    } catch (thrown) {
      const error = toSyncError(thrown);
      // Somebody else has it, or the group is gone.
      if (error.code === 'lease_lost') return;
      if (ended.signal.aborted) return groups.tryAgain(task, { afterMs: 0, counts: false });
      options.onError?.(error);
      // A content that is not there does not come back by waiting; stores do, for as long as it takes.
      const hopeless = error.code === 'blob_missing' || error.code === 'blob_corrupt' || error.code === 'unexpected';
      if (hopeless && task.attempts >= ATTEMPTS) return groups.refuse(task, error.code);
      const afterMs = error.retryAfterMs ?? Math.min(1000 * 2 ** Math.min(task.attempts, 20), LONGEST_DELAY_MS);
      await groups.tryAgain(task, { afterMs, counts: true });
    }
  }

  async function make(task: GroupTask, signal: AbortSignal): Promise<void> {
    if (task.parts.length === 0) return groups.refuse(task, 'document_empty');
    const folder = await mkdtemp(join(options.scratch, 'group-'));
    try {
      const paths = new Map<string, string>();
      for (const { sha256 } of task.parts) {
        if (paths.has(sha256)) continue;
        const path = join(folder, `${sha256}.pdf`);
        const { stream } = await blobs.get(blobName(task.organizationId, sha256), signal);
        await pipeline(stream, createWriteStream(path, { mode: 0o600 }), { signal });
        paths.set(sha256, path);
      }
      const files = task.parts.map(({ sha256 }) => paths.get(sha256)!);
      const merged = await content.merge(files, { folder, limits: options.limits, signal });
      if (merged.verdict === 'refused') {
        if (merged.retry === 'once' && task.attempts < 2) {
          return await groups.tryAgain(task, { afterMs: LOOK_MS, counts: true });
        }
        return await groups.refuse(task, merged.code);
      }
      const pdf = { sha256: merged.pdf.sha256, size: merged.pdf.bytes };
      const name = blobName(task.organizationId, pdf.sha256);
      const announced = await groups.announce(task, pdf);
      // Perhaps it is made again because the one that is there is damaged.
      const distrust = announced === 'stored';
      await blobs.put(name, { ...pdf, open: () => createReadStream(merged.pdf.path) }, signal, { distrust });
      const firstPages = new Map<string, number>();
      for (const [i, { documentUuid }] of task.parts.entries()) {
        const page = merged.firstPages[i] ?? null;
        if (page !== null) firstPages.set(documentUuid, page);
      }
      await groups.finish(task, { pdf, pageCount: merged.pageCount, firstPages });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  const loop = (async () => {
    while (!ended.signal.aborted) {
      try {
        for (let task = await groups.claim(); task !== null; task = await groups.claim()) {
          await handle(task);
          if (ended.signal.aborted) break;
        }
      } catch (error) {
        options.onError?.(toSyncError(error));
      }
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
    }
  })();

  return {
    async stop() {
      ended.abort();
      await loop;
    },
  };
}
