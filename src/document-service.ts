/** Puts together what reads the content of documents: the search index, the processor and the worker that drives both. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config/config.ts';
import { createRemoteDocuments } from './connectors/vitalsign/remote-documents.ts';
import { DOCUMENT_LIMITS, PROCESSOR_VERSION } from './documents/limits.ts';
import { missingLanguages } from './documents/ocr.ts';
import { createDocumentProcessor } from './documents/processor.ts';
import { type SyncError, toSyncError } from './domain/errors.ts';
import type { DocumentDestination } from './engine/files/settings.ts';
import type { BlobStore } from './ports/blob-store.ts';
import type { DocumentProgram } from './ports/document-content.ts';
import type { DocumentDeliveries } from './ports/document-deliveries.ts';
import type { DocumentDesk } from './ports/document-desk.ts';
import type { GroupWork } from './ports/document-groups.ts';
import type { ConnectionKey } from './ports/document-records.ts';
import type { DocumentTask, DocumentWork } from './ports/document-work.ts';
import type { SearchHomes } from './ports/search-home.ts';
import type { SearchIndex } from './ports/search-index.ts';
import { startPatientChecks } from './runs/check-patients.ts';
import { createDelivery, type DeliveryTarget } from './runs/deliver-document.ts';
import { createDestination } from './runs/deliver-documents.ts';
import { createDocumentSteps } from './runs/document-steps.ts';
import { type DocumentWorker, startDocumentWorker } from './runs/document-worker.ts';
import { startGroupWorker } from './runs/group-worker.ts';
import { inKnownHome } from './runs/known-home.ts';
import { createEmbeddings } from './stores/search/embeddings.ts';
import { createLanceSearchIndex } from './stores/search/lancedb.ts';
import { createNoSearchIndex } from './stores/search/none.ts';
import { systemClock, systemRandom } from './stores/system-clock.ts';

export interface OpenSearchOptions {
  /** Hears why the index is not ready; what is missing in it is put there later. */
  readonly trouble?: (error: SyncError) => void;
  /** Its place becomes the known one when none is. */
  readonly claims?: boolean;
}

export async function openSearchIndex(
  config: Config,
  homes: SearchHomes,
  { trouble, claims = false }: OpenSearchOptions,
): Promise<SearchIndex> {
  const index = inKnownHome(await createIndex(config), homes, systemClock, claims);
  try {
    await index.prepare();
  } catch (error) {
    const failure = toSyncError(error);
    trouble?.(failure);
    // The library has no program for this machine: that does not change while we run.
    if (index.kind === 'lancedb' && failure.code === 'search_unavailable' && failure.action === 'stop') {
      await index.close();
      return createNoSearchIndex();
    }
  }
  return index;
}

/** Makes the place of this index the one that these records have it in. */
export async function takeSearchHome(config: Config, homes: SearchHomes): Promise<void> {
  const index = await createIndex(config);
  try {
    const id = await index.home();
    if (id !== null) await homes.take(id);
  } finally {
    await index.close();
  }
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
  /** Absent: nobody compares the index after the work on a patient. Nor is one that shows a little later what was put there. */
  readonly desk?: DocumentDesk;
  /** How many differences of the index were found, and are set right. */
  readonly onFound?: (organizationId: string, differences: number) => void;
  /** Absent: no PDFs of groups are made. */
  readonly groups?: GroupWork;
  readonly deliveries: DocumentDeliveries;
  readonly remotes: RemoteTargets;
  readonly onEnd?: (task: DocumentTask, end: { readonly status: string; readonly code?: string }) => void;
  readonly onError?: (task: DocumentTask | null, error: SyncError) => void;
  /** Scans in these languages cannot be read: Tesseract is there without them. Told when that changes; none: it has all. */
  readonly onMissingLanguages?: (languages: readonly string[]) => void;
}

/** Connections whose documents go to another machine. */
export type RemoteTargets = ReadonlyMap<string, DeliveryTarget>;

export function remoteTargets(config: Config): RemoteTargets {
  const targets = new Map<string, DeliveryTarget>();
  for (const { organizationId, id, ...connection } of config.organizations.flatMap((o) => o.connections)) {
    if (connection.connector !== 'vsrx' || connection.settings.documents === null) continue;
    const { documents } = connection.settings;
    const remote = createRemoteDocuments({ ...documents, apiKey: connection.credentials.documentsApiKey });
    const { host } = new URL(documents.endpoint);
    targets.set(`${organizationId}/${id}`, { connectionId: id, host, remote, send: documents.send });
  }
  return targets;
}

export interface DocumentService {
  nudge(): void;
  stop(): Promise<void>;
}

const PER_PROCESS = 24;
/** No document is worked on for so long. */
const ABANDONED_MS = 30 * 60_000;

type StepsOptions = Pick<DocumentServiceOptions, 'config' | 'work' | 'blobs' | 'search' | 'deliveries' | 'remotes'>;

interface StepsHooks {
  onRead(task: DocumentTask): void;
  othersFollow(task: DocumentTask): boolean;
}

async function openSteps(options: StepsOptions, workers: number, hooks?: StepsHooks) {
  const { config, work, blobs, search, deliveries, remotes } = options;
  const scratch = join(config.home, 'scratch');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const { programPath: searchPath, ocrLanguages } = config;
  const content = createDocumentProcessor({ workers, searchPath, ocrLanguages });
  const retry = { attempts: config.limits.retryAttempts, baseDelayMs: config.limits.retryDelayMs, maxDelayMs: 60_000 };
  const deliver = createDelivery({ deliveries, blobs, retry, clock: systemClock, random: systemRandom });
  const limits = { ...DOCUMENT_LIMITS, inputBytes: Math.max(DOCUMENT_LIMITS.inputBytes, config.limits.maxFileSize) };
  const perform = createDocumentSteps({
    work,
    blobs,
    content,
    search,
    scratch,
    limits,
    processorVersion: PROCESSOR_VERSION,
    timeZone: (organizationId) => config.organizations.find(({ id }) => id === organizationId)?.timeZone ?? 'UTC',
    ...hooks,
    ...(remotes.size === 0
      ? {}
      : { remote: { deliveries, deliver, target: (organizationId, id) => remotes.get(`${organizationId}/${id}`) } }),
  });
  return { scratch, content, perform, limits };
}

export async function startDocumentService(options: DocumentServiceOptions): Promise<DocumentService> {
  const { config, work, blobs, search, onEnd, onError } = options;
  const checks =
    options.desk === undefined || !search.capabilities.available || !search.capabilities.immediate
      ? null
      : startPatientChecks({
          ports: { desk: options.desk, search },
          work,
          clock: systemClock,
          ...(options.onFound === undefined ? {} : { onFound: options.onFound }),
          onError: (error) => onError?.(null, error),
        });
  const perOrganization = config.limits.documentsAtOnce;
  const workers = Math.max(1, Math.min(perOrganization, availableParallelism()));
  const { scratch, content, perform, limits } = await openSteps(options, workers, {
    onRead: (task) => worker.wasRead(task),
    othersFollow: (task) => worker.othersFollow(task),
  });
  await removeAbandoned(scratch);
  let missing = '';
  /** Scans that were read without one of their languages would not be read again when it comes. */
  async function programs(): Promise<ReadonlySet<DocumentProgram>> {
    const languages = await missingLanguages(config.ocrLanguages, config.programPath);
    if (languages.join() !== missing) options.onMissingLanguages?.(languages);
    missing = languages.join();
    const installed = content.installed();
    return languages.length === 0 ? installed : new Set([...installed].filter((program) => program !== 'tesseract'));
  }
  const worker: DocumentWorker = startDocumentWorker({
    work,
    perform,
    programs,
    clock: systemClock,
    perOrganization,
    perProcess: Math.max(perOrganization, PER_PROCESS),
    // While one is read, the next one is fetched.
    reading: 2 * workers,
    onEnd(task, end) {
      checks?.touched(task);
      onEnd?.(task, end);
    },
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
      await Promise.all([worker.stop(), groupWorker?.stop(), checks?.stop()]);
      await content.close();
    },
  };
}

/** For the runs of a connection. Null: its documents are for this machine. */
export function openDestination(
  options: Omit<StepsOptions, 'search'> & { search(): Promise<SearchIndex> },
  key: ConnectionKey,
): DocumentDestination | null {
  const { config, work, deliveries, remotes } = options;
  const target = remotes.get(`${key.organizationId}/${key.connectionId}`);
  if (target === undefined) return null;
  return createDestination({
    key,
    work,
    deliveries,
    remote: target.remote,
    clock: systemClock,
    atMost: config.limits.documentsAtOnce || DELIVERIES_AT_ONCE,
    open: () => openSteps({ ...options, search: forRemovals(options.search) }, 1),
  });
}

/** What goes to another machine is not in our index; what was here before leaves it. Only then the index is opened. */
function forRemovals(open: () => Promise<SearchIndex>): SearchIndex {
  const none = createNoSearchIndex();
  return {
    ...none,
    capabilities: { ...none.capabilities, available: true },
    remove: async (place, documentUuids, signal) => (await open()).remove(place, documentUuids, signal),
  };
}

/** Where the content of documents is not read on this machine. */
const DELIVERIES_AT_ONCE = 3;

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
