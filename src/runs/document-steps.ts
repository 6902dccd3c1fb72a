/**
 * What one task about a document comes to. Every step may be done again: a process that is killed anywhere leaves a task
 * that another one begins anew and that finds done what is done.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SyncError, toSyncError } from '../domain/errors.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { DocumentContent, DocumentLimits, ProcessedDocument } from '../ports/document-content.ts';
import type { DocumentDeliveries } from '../ports/document-deliveries.ts';
import type { BlobCare } from '../ports/document-records.ts';
import type { DocumentTask, DocumentWork, ProcessedRendition, Rendition, TaskEnd } from '../ports/document-work.ts';
import { isIndexable, type SearchIndex } from '../ports/search-index.ts';
import type { createDelivery, DeliveryTarget, SentContent } from './deliver-document.ts';
import { readPageLines } from './page-lines.ts';

export interface DocumentStepsOptions {
  readonly work: DocumentWork;
  readonly blobs: BlobStore;
  readonly content: DocumentContent;
  readonly search: SearchIndex;
  /** Exists. Each document is worked on in a folder of its own in it. */
  readonly scratch: string;
  readonly limits: DocumentLimits;
  /** Raised when the same content comes to something else. */
  readonly processorVersion: number;
  /** IANA zone of an organisation. */
  readonly timeZone: (organizationId: string) => string;
  /** Hears that a document was read, so that another one may be. */
  readonly onRead?: (task: DocumentTask) => void;
  /** Others of its organisation are being read: they are written to the index together. */
  readonly othersFollow?: (task: DocumentTask) => boolean;
  /** Documents of some connections belong to a service on another machine. */
  readonly remote?: {
    readonly deliveries: DocumentDeliveries;
    readonly deliver: ReturnType<typeof createDelivery>;
    target(organizationId: string, connectionId: string): DeliveryTarget | undefined;
  };
}

/** The document ends so, or `again`: its content may fare better on a second try. */
export type StepsEnd = TaskEnd | { readonly status: 'again'; readonly code: string };

type LiveTask = DocumentTask & { readonly document: NonNullable<DocumentTask['document']> };

const SMALL = 1024 * 1024;
/** A document is found up to so much later, when others follow. */
const GATHER_MS = 300;
/** Of text: some hundred pages. */
const LARGE_TEXT = 1024 * 1024;

export function createDocumentSteps(options: DocumentStepsOptions) {
  const { work, blobs, search } = options;

  return async function perform(task: DocumentTask, signal: AbortSignal): Promise<StepsEnd> {
    await leaveFormerPatients(task, signal);
    const delivered = await deliver(task, signal);
    if (delivered !== null) return delivered;
    if (!isLive(task)) return takeOut(task, signal);
    const known = await work.rendition(task.organizationId, task.document.sha256);
    if (known !== null && isCurrent(known)) return bringIn(task, known, true, signal);
    return bringIn(task, await process(task, signal, isAskedFor(known)), false, signal);
  };

  function isCurrent(known: Rendition): boolean {
    // What a newer version has made, while all machines are being updated, is not made worse.
    if (known.processorVersion < options.processorVersion) return false;
    const isScan = known.verdict === 'processed' && known.scansAskedFor;
    return !(isScan && options.content.installed().has('tesseract'));
  }

  async function bringIn(
    task: LiveTask,
    rendition: Rendition,
    /** It was made before: nothing of it is in our hands. */
    isKnown: boolean,
    signal: AbortSignal,
  ): Promise<StepsEnd> {
    if (rendition.verdict === 'refused') {
      if (isDoubtful(rendition, task)) return { status: 'again', code: rendition.code };
      // What it was before may still be there.
      await removeFromIndex(task, signal);
      return { status: 'error', code: rendition.code };
    }
    // Also says whether the task is still ours, before anything is written that no lease protects.
    if (isKnown) await work.showStage(task, 'extracting');
    // Nothing else is read while a large one is being cut to passages: they are all in memory.
    const isLarge = rendition.pages.size > LARGE_TEXT;
    if (!isLarge) options.onRead?.(task);
    try {
      await index(task, rendition, signal);
    } catch (error) {
      // The text is lost or damaged, not the document.
      const { code } = toSyncError(error);
      if (!isKnown || (code !== 'blob_missing' && code !== 'blob_corrupt')) throw error;
      return bringIn(task, await process(task, signal, true), false, signal);
    }
    return { status: 'complete' };
  }

  /** Null: the document belongs here. */
  async function deliver(task: DocumentTask, signal: AbortSignal): Promise<StepsEnd | null> {
    const { remote } = options;
    const subject = remote === undefined ? null : await remote.deliveries.subject(task);
    const target = subject === null ? undefined : remote?.target(task.organizationId, subject.connectionId);
    if (remote === undefined || subject === null || target === undefined) return null;
    await readAgain(task, signal);
    await remote.deliver(task, subject, target, contentOf, signal);
    // It was kept here until a connection took it over.
    if (task.formerPatients.includes(task.patientUuid)) await removeFromIndex(task, signal);
    return { status: task.document === null ? 'gone' : 'complete' };

    async function contentOf(document: LiveTask['document']): Promise<SentContent> {
      const { sha256, sizeBytes: size, originalName: fileName, mimeType } = document;
      const original = { sha256, size, fileName, mimeType };
      if (target?.send !== 'pdf') return original;
      const known = await work.rendition(task.organizationId, sha256);
      const rendition = known ?? (task.document === null ? null : await process({ ...task, document }, signal, false));
      if (rendition === null) return original;
      if (rendition.verdict === 'refused') throw new SyncError(rendition.code);
      if (rendition.pdf === null) return { ...original, mimeType: 'application/pdf' };
      return { ...rendition.pdf, fileName: `${fileName}.pdf`, mimeType: 'application/pdf' };
    }
  }

  /** What is kept here of a document that belongs to another machine, when somebody has asked for it. */
  async function readAgain(task: DocumentTask, signal: AbortSignal): Promise<void> {
    if (!isLive(task)) return;
    if (isAskedFor(await work.rendition(task.organizationId, task.document.sha256))) await process(task, signal, true);
  }

  /** A refusal that may have been bad luck is not believed the first time. */
  function isDoubtful(rendition: Rendition, task: DocumentTask): boolean {
    return rendition.verdict === 'refused' && rendition.retry === 'once' && task.attempts < 2;
  }

  /** @param distrust the parts that the store has are not taken for whole */
  async function process(task: LiveTask, signal: AbortSignal, distrust: boolean): Promise<Rendition> {
    const { originalName: fileName, mimeType: declaredType, sizeBytes } = task.document;
    // A small one is fetched sooner than anybody could see that it is.
    const isSmall = sizeBytes <= SMALL;
    await work.showStage(task, isSmall ? 'analyzing' : 'initializing');
    const folder = await mkdtemp(join(options.scratch, 'document-'));
    try {
      const path = join(folder, 'original');
      const { stream } = await blobs.get(blobName(task.organizationId, task.document.sha256), signal);
      await pipeline(stream, createWriteStream(path, { mode: 0o600 }), { signal });
      if (!isSmall) await work.showStage(task, 'analyzing');
      const result = await options.content.process(
        { path, fileName, declaredType },
        {
          folder,
          limits: options.limits,
          ocr: 'auto',
          thumbnail: true,
          timeZone: options.timeZone(task.organizationId),
          signal,
        },
      );
      const rendition: Rendition =
        result.verdict === 'refused'
          ? { ...result, processorVersion: options.processorVersion }
          : await storeParts(task, result, distrust, signal);
      return isDoubtful(rendition, task) ? rendition : await work.recordRendition(task, rendition);
    } catch (error) {
      throw diskError(error);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function storeParts(
    task: LiveTask,
    result: ProcessedDocument,
    distrust: boolean,
    signal: AbortSignal,
  ): Promise<ProcessedRendition> {
    const { pdf, thumbnail } = result;
    const files = [
      await careOf(result.pages.path),
      pdf === null ? null : { path: pdf.path, size: pdf.bytes, sha256: pdf.sha256 },
      thumbnail === null ? null : await careOf(thumbnail.path),
    ] as const;
    const present = files.filter((file) => file !== null);
    const announced = await work.announce(task, present);
    // All have to end before their files are removed, also when one of them fails.
    const stored = await Promise.allSettled(
      present.map(async ({ path, size, sha256 }) => {
        const name = blobName(task.organizationId, sha256);
        // Reading a document again is how a part comes back that the store has lost or damaged.
        const isStored = !distrust && announced.get(sha256) === 'stored';
        if (isStored && (await blobs.stat(name, signal))?.size === size) return;
        const bytes = size <= SMALL ? await readFile(path) : null;
        await blobs.put(name, { size, sha256, open: () => bytes ?? createReadStream(path) }, signal, { distrust });
      }),
    );
    for (const one of stored) if (one.status === 'rejected') throw one.reason;
    const { documentDate } = result;
    return {
      verdict: 'processed',
      processorVersion: options.processorVersion,
      detectedType: result.detectedType,
      pages: care(files[0]),
      pdf: files[1] && care(files[1]),
      thumbnail: files[2] && care(files[2]),
      pageCount: result.pageCount,
      textPages: result.pages.bySource.text + result.pages.bySource.ocr,
      documentDate: documentDate && { date: documentDate.date, confidence: documentDate.confidence },
      warnings: result.warnings,
      scansAskedFor: false,
    };
  }

  async function index(task: LiveTask, rendition: ProcessedRendition, signal: AbortSignal): Promise<void> {
    if (!search.capabilities.available) return;
    // Some sources have patients under ids of another form: no part of the interface could ask for their documents.
    if (!isIndexable(task)) throw new SyncError('unit_not_linkable');
    await search.put(
      {
        ...placeOf(task),
        documentUuid: task.documentUuid.toLowerCase(),
        version: rendition.pages.sha256,
        pages: pagesOf(task, rendition, signal),
      },
      signal,
      rendition.pages.size <= LARGE_TEXT && options.othersFollow?.(task) === true ? GATHER_MS : 0,
    );
  }

  /** The content is fetched only when the index wants it. */
  async function* pagesOf(task: LiveTask, rendition: ProcessedRendition, signal: AbortSignal) {
    const { stream } = await blobs.get(blobName(task.organizationId, rendition.pages.sha256), signal);
    yield* readPageLines(stream);
  }

  async function takeOut(task: DocumentTask, signal: AbortSignal): Promise<StepsEnd> {
    await removeFromIndex(task, signal);
    return { status: 'gone' };
  }

  /** First of all: nobody finds it among the documents of the patient that it no longer belongs to. */
  async function leaveFormerPatients(task: DocumentTask, signal: AbortSignal): Promise<void> {
    for (const patientUuid of task.formerPatients) {
      if (patientUuid !== task.patientUuid) await removeFromIndex({ ...task, patientUuid }, signal);
    }
  }

  async function removeFromIndex(task: DocumentTask, signal: AbortSignal): Promise<void> {
    if (!search.capabilities.available || !isIndexable(task)) return;
    const { remaining } = await search.remove(placeOf(task), [task.documentUuid.toLowerCase()], signal);
    // Not gone until the index itself says so.
    if (remaining > 0) throw new SyncError('search_unavailable', { detail: 'A removed document is still found.' });
  }
}

function isLive(task: DocumentTask): task is LiveTask {
  return task.document !== null;
}

function placeOf(task: DocumentTask) {
  return { organizationId: task.organizationId, patientUuid: task.patientUuid.toLowerCase() };
}

/** A person, or a repair, wants it read again: see `PatientDesk.processAgain`. */
function isAskedFor(known: Rendition | null): boolean {
  return known?.processorVersion === 0;
}

interface File extends BlobCare {
  readonly path: string;
}

function care({ sha256, size }: File): BlobCare {
  return { sha256, size };
}

async function careOf(path: string): Promise<File> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return { path, sha256: hash.digest('hex'), size: (await stat(path)).size };
}

function diskError(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new SyncError('home_disk_full', { cause: error }) : error;
}
