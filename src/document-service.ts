/** Puts together what reads the content of documents: the search index, the processor and the worker that drives both. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { DOCUMENT_LIMITS, PROCESSOR_VERSION } from './documents/limits.ts';
import { createDocumentProcessor } from './documents/processor.ts';
import { type SyncError, toSyncError } from './domain/errors.ts';
import type { BlobStore } from './ports/blob-store.ts';
import type { GroupWork } from './ports/document-groups.ts';
import type { DocumentTask, DocumentWork } from './ports/document-work.ts';
import type { SearchIndex } from './ports/search-index.ts';
import { createDocumentSteps } from './runs/document-steps.ts';
import { startDocumentWorker } from './runs/document-worker.ts';
import { startGroupWorker } from './runs/group-worker.ts';
import { createEmbeddings } from './stores/search/embeddings.ts';
import { createLanceSearchIndex } from './stores/search/lancedb.ts';
import { createNoSearchIndex } from './stores/search/none.ts';
import { systemClock } from './stores/system-clock.ts';

/** @param trouble hears why the index is not ready; what is missing in it is put there later */
export async function openSearchIndex(config: Config, trouble: (error: SyncError) => void): Promise<SearchIndex> {
  const index = await createIndex(config);
  try {
    await index.prepare();
  } catch (error) {
    const failure = toSyncError(error);
    trouble(failure);
    // The library has no program for this machine: that does not change while we run.
    if (index.kind === 'lancedb' && failure.code === 'search_unavailable' && failure.action === 'stop') {
      await index.close();
      return createNoSearchIndex();
    }
  }
  return index;
}

async function createIndex({ stores: { search } }: Config): Promise<SearchIndex> {
  if (search.kind === 'none') return createNoSearchIndex();
  if (search.kind === 'openai') {
    // Its library has hundreds of files, and every command would wait for them.
    const { createOpenAiSearchIndex } = await import('./stores/search/openai.ts');
    return createOpenAiSearchIndex(search);
  }
  const { folder, embeddings } = search;
  return createLanceSearchIndex({ folder, embeddings: embeddings === null ? null : createEmbeddings(embeddings) });
}

export interface DocumentServiceOptions {
  readonly config: Config;
  readonly work: DocumentWork;
  readonly blobs: BlobStore;
  readonly search: SearchIndex;
  /** Absent: no PDFs of groups are made. */
  readonly groups?: GroupWork;
  readonly onEnd?: (task: DocumentTask, end: { readonly status: string; readonly code?: string }) => void;
  readonly onError?: (task: DocumentTask | null, error: SyncError) => void;
}

export interface DocumentService {
  nudge(): void;
  stop(): Promise<void>;
}

const PER_PROCESS = 12;
/** No document is worked on for so long. */
const ABANDONED_MS = 15 * 60_000;

export async function startDocumentService(options: DocumentServiceOptions): Promise<DocumentService> {
  const { config, work, blobs, search, onEnd, onError } = options;
  const scratch = join(config.home, 'scratch');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  await removeAbandoned(scratch);
  const perOrganization = config.limits.documentsAtOnce;
  const content = createDocumentProcessor({
    workers: Math.max(1, Math.min(perOrganization, availableParallelism())),
    searchPath: config.programPath,
  });
  const limits = { ...DOCUMENT_LIMITS, inputBytes: Math.max(DOCUMENT_LIMITS.inputBytes, config.limits.maxFileSize) };
  const perform = createDocumentSteps({
    work,
    blobs,
    content,
    search,
    scratch,
    limits,
    processorVersion: PROCESSOR_VERSION,
  });
  const worker = startDocumentWorker({
    work,
    perform,
    content,
    clock: systemClock,
    perOrganization,
    perProcess: Math.max(perOrganization, PER_PROCESS),
    ...(onEnd === undefined ? {} : { onEnd }),
    ...(onError === undefined ? {} : { onError }),
  });
  const groupWorker =
    options.groups === undefined
      ? null
      : startGroupWorker({
          groups: options.groups,
          blobs,
          content,
          clock: systemClock,
          scratch,
          limits,
          onError: (error) => onError?.(null, error),
        });
  return {
    nudge: worker.nudge,
    async stop() {
      await Promise.all([worker.stop(), groupWorker?.stop()]);
      await content.close();
    },
  };
}

/** Copies of documents that a killed process left. */
async function removeAbandoned(scratch: string): Promise<void> {
  for (const name of await readdir(scratch)) {
    const path = join(scratch, name);
    const changed = await stat(path).then(
      (info) => info.mtimeMs,
      () => null,
    );
    if (changed !== null && Date.now() - changed > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}
