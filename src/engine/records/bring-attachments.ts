/**
 * Makes documents of the attachments that the lists have told of: what is wanted is asked of the store, so that whatever a
 * failure or a crash left out is simply wanted again. For each, in an order that a crash may interrupt anywhere: the content
 * is fetched, announced, stored under its hash, and then the document appears in one transaction.
 */
import pLimit from 'p-limit';
import { type ErrorCode, SyncError, toSyncError } from '../../domain/errors.ts';
import type { PlannedItems } from '../../domain/planned-items.ts';
import type { ItemFailure } from '../../domain/run.ts';
import type { WantedAttachment } from '../../ports/attachment-records.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { FetchedContent } from '../../ports/clinic-source.ts';
import type { DocumentWrite } from '../../ports/document-records.ts';
import type { OpenFailure } from '../../ports/run-store.ts';
import { nextTry } from '../failure-policy.ts';
import { withRetry } from '../retry.ts';
import type { RunSession } from '../run-session.ts';
import { compare } from './read-stream.ts';
import type { AttachmentPorts, RecordPorts, RecordSettings } from './settings.ts';

/** Failures of single attachments, and the result of all of them, stand under this name. */
export const DOCUMENTS_UNIT = 'documents';

const AT_ONCE = 4;
const PER_BATCH = 16;
/** Asked for by id in one run, the newest first; the nightly read tells of all. */
const UNREADY = 100;
/** The source may take a while until an attachment can be fetched; afterwards a person should hear of it. */
const PROCESSING_MS = 24 * 3600 * 1000;
/** So many in a row that the place of the contents does not answer for: it is not about the single one. */
const ENOUGH_UNAVAILABLE = 8;

/** Codes that concern one attachment only; anything else ends the run and is tried by the next one. */
const ITEM_CODES: ReadonlySet<ErrorCode> = new Set([
  'attachment_missing',
  'attachment_link_refused',
  'attachment_refused',
  'attachment_mismatch',
  'attachment_unavailable',
  'attachment_unprocessed',
  'attachment_without_patient',
  'file_too_large',
  'file_empty',
  'blob_corrupt',
  // Of the request for the link: the list itself could be read.
  'source_failed',
  'source_timeout',
  'source_permission',
  'source_request_refused',
]);

interface Entry {
  readonly wanted: WantedAttachment & { readonly patientUuid: string };
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly mimeType: string | null;
  /** Null: its content is stored already. */
  readonly content: FetchedContent | null;
}

interface Work {
  readonly ports: RecordPorts;
  readonly own: AttachmentPorts;
  readonly settings: RecordSettings;
  readonly session: RunSession;
  readonly urgent: boolean;
  /** Also those whose next try has not come yet. */
  readonly retryAll: boolean;
  /** What it does not show is left to the next run; null: the run has no plan. */
  readonly planned: PlannedItems | null;
  readonly failures: ReadonlyMap<string, OpenFailure>;
  readonly counts: { added: number; updated: number; failed: number };
  readonly errors: Set<ErrorCode>;
  unavailable: number;
}

export async function bringAttachments(
  ports: RecordPorts,
  own: AttachmentPorts,
  settings: RecordSettings,
  session: RunSession,
  { urgent, retryAll, planned }: Pick<Work, 'urgent' | 'retryAll' | 'planned'>,
): Promise<void> {
  const failures = await ports.runs.openFailures(settings, DOCUMENTS_UNIT);
  const work: Work = {
    ports,
    own,
    settings,
    session,
    urgent,
    retryAll,
    planned,
    failures: new Map(failures.map((failure) => [failure.reference, failure])),
    counts: { added: 0, updated: 0, failed: 0 },
    errors: new Set(),
    unavailable: 0,
  };
  const count = await own.wanted.countWanted(settings);
  session.step('Bringing attachments', count);
  if (count > 0) await own.blobs.prepare(session.signal);
  await own.wanted.clearKept(session.fence);
  // Nobody knows what they have become until they are asked for: no plan shows them.
  if (planned === null) await askForUnready(work);
  const open = new Set(work.failures.keys());
  for (let after = ''; ; ) {
    session.signal.throwIfAborted();
    const batch = await own.wanted.wanted(settings, after, PER_BATCH);
    const last = batch.at(-1);
    if (last === undefined) break;
    after = last.reference;
    for (const { reference } of batch) open.delete(reference);
    await bringBatch(work, batch);
    session.advance(batch.length);
  }
  // Archived, removed or mended otherwise since: nobody wants them any more.
  await resolve(work, [...open]);
  await own.wanted.dropMoved(session.fence, ports.clock.now());
  await own.wanted.describePatients(session.fence);
  const { failed, ...counts } = work.counts;
  const outcome = failed === 0 ? 'success' : counts.added + counts.updated > 0 ? 'partial' : 'failed';
  await ports.records.finishUnit(
    session.fence,
    { stream: DOCUMENTS_UNIT, outcome, counts, errors: [...work.errors] },
    ports.clock.now(),
  );
}

/** Nobody knows whether an attachment counts as changed when the source has finished with it: those are asked for by id. */
async function askForUnready({ ports, own, settings, session, urgent }: Work): Promise<void> {
  const references = await own.wanted.unready(settings, UNREADY);
  if (references.length === 0) return;
  const found = await ports.source.confirm('patient_attachments', references, { signal: session.signal, urgent });
  const stored = await ports.records.find(settings, 'patient_attachments', references);
  const { updated } = compare(found, stored);
  if (updated.length === 0) return;
  await ports.records.write(session.fence, 'patient_attachments', { added: [], updated }, {}, ports.clock.now());
}

async function bringBatch(work: Work, batch: readonly WantedAttachment[]): Promise<void> {
  const { session } = work;
  const now = work.ports.clock.now();
  const failed: ItemFailure[] = [];
  const fail = (wanted: WantedAttachment, error: SyncError) => failed.push(failureOf(wanted, error));
  const due: Entry['wanted'][] = [];
  for (const wanted of batch) {
    const { patientUuid } = wanted;
    if (mustWait(work, wanted, now)) continue;
    if (!isPlanned(work, wanted)) {
      // It waits for a run without this plan, and this one is not called a success.
      session.count({ waiting: 1 });
      continue;
    }
    if (patientUuid === null) fail(wanted, new SyncError('attachment_without_patient'));
    else if (wanted.ready) due.push({ ...wanted, patientUuid });
    else if (now - Date.parse(wanted.createdAt ?? '') <= PROCESSING_MS) session.count({ waiting: 1 });
    else fail(wanted, new SyncError('attachment_unprocessed'));
  }
  const entries: Entry[] = [];
  try {
    await fetchAll(work, due, entries, fail);
    const stored = await storeAll(work, entries, fail);
    if (stored.length > 0) await record(work, stored);
    await resolve(
      work,
      stored.map((entry) => entry.wanted.reference).filter((reference) => work.failures.has(reference)),
    );
  } finally {
    await Promise.all(entries.map((entry) => entry.content?.close()));
  }
  await noteFailures(work, failed);
}

/** A plan shows the attachment among the records that are new or changed, or as one that is still to be brought. */
function isPlanned({ planned }: Work, { reference }: WantedAttachment): boolean {
  if (planned === null || planned.has({ what: 'bring', unit: DOCUMENTS_UNIT, reference })) return true;
  const unit = 'patient_attachments';
  return planned.has({ what: 'add', unit, reference }) || planned.has({ what: 'update', unit, reference });
}

/** True while an earlier failure of the unchanged attachment has to wait. */
function mustWait(work: Work, wanted: WantedAttachment, now: number): boolean {
  const failure = work.failures.get(wanted.reference);
  if (failure === undefined || failure.fingerprint !== wanted.fingerprint) return false;
  if (failure.state === 'skipped') {
    work.session.count({ skipped: 1 });
    return true;
  }
  if (work.retryAll || (failure.nextRetryAt !== null && Date.parse(failure.nextRetryAt) <= now)) return false;
  work.session.count({ waiting: 1 });
  return true;
}

type Fail = (wanted: WantedAttachment, error: SyncError) => void;

async function fetchAll(work: Work, due: readonly Entry['wanted'][], entries: Entry[], fail: Fail): Promise<void> {
  const { ports, own, session, urgent } = work;
  const known = due.flatMap(({ known }) => (known === null ? [] : [{ sha256: known.sha256, size: known.sizeBytes }]));
  const states = known.length === 0 ? new Map() : await own.documents.reserveBlobs(session.fence, known);
  const limit = pLimit(AT_ONCE);
  // All of them end before anything is thrown: each may hold a file that is to be closed.
  const results = await Promise.allSettled(
    due.map((wanted) =>
      limit(async () => {
        session.signal.throwIfAborted();
        const { known } = wanted;
        if (known !== null && states.get(known.sha256) === 'stored') {
          entries.push({ wanted, ...known, content: null });
          return;
        }
        if (work.unavailable >= ENOUGH_UNAVAILABLE) {
          session.count({ waiting: 1 });
          return;
        }
        try {
          const content = await ports.source.fetchContent(wanted, { signal: session.signal, urgent });
          work.unavailable = 0;
          const { sha256, size, mimeType } = content;
          entries.push({ wanted, sha256, sizeBytes: size, mimeType, content });
        } catch (error) {
          const failure = itemError(session, error);
          if (failure.code === 'attachment_unavailable') work.unavailable++;
          fail(wanted, failure);
        }
      }),
    ),
  );
  throwFirst(results);
}

/** @returns those whose content is in the store */
async function storeAll(work: Work, entries: readonly Entry[], fail: Fail, again = false): Promise<Entry[]> {
  const { own, session, settings, ports } = work;
  if (entries.length === 0) return [];
  const states = await own.documents.reserveBlobs(
    session.fence,
    entries.map(({ sha256, sizeBytes }) => ({ sha256, size: sizeBytes })),
  );
  const stored: Entry[] = [];
  for (const entry of entries) {
    const { content, sha256 } = entry;
    try {
      if (content !== null && (again || states.get(sha256) !== 'stored')) {
        await withRetry(
          () => own.blobs.put(blobName(settings.organizationId, sha256), content, session.signal),
          settings.retry,
          { clock: ports.clock, random: ports.random, signal: session.signal },
        );
        session.count({ bytes: entry.sizeBytes });
      }
      stored.push(entry);
    } catch (error) {
      fail(entry.wanted, itemError(session, error));
    }
  }
  return stored;
}

async function record(work: Work, entries: readonly Entry[]): Promise<void> {
  const { own, session, settings, ports } = work;
  const writes = entries.map((entry) => documentWrite(entry, ports.random.uuid()));
  const results = await withRetry(
    async () => {
      try {
        return await own.documents.recordDocuments(session.fence, writes);
      } catch (error) {
        // The announcement expired while a long fetch ran and the content was cleared away: store it again.
        if (toSyncError(error).code === 'blob_missing') {
          await storeAll(
            work,
            entries,
            (_, failure) => {
              throw failure;
            },
            true,
          );
        }
        throw error;
      }
    },
    settings.retry,
    { clock: ports.clock, random: ports.random, signal: session.signal },
  );
  const added = results.filter((result) => result === 'added').length;
  const updated = results.filter((result) => result === 'updated').length;
  work.counts.added += added;
  work.counts.updated += updated;
  session.count({ added, updated, moved: results.filter((result) => result === 'moved').length });
}

function documentWrite({ wanted, sha256, sizeBytes, mimeType }: Entry, documentUuid: string): DocumentWrite {
  return {
    documentUuid,
    unit: wanted.patientUuid,
    reference: wanted.reference,
    fingerprint: wanted.fingerprint,
    path: wanted.contentPath,
    originalName: nameOf(wanted),
    title: wanted.description,
    uploadedAt: wanted.createdAt,
    ownerUuid: null,
    patientName: wanted.patientName,
    sha256,
    sizeBytes,
    mimeType,
    sourceSize: sizeBytes,
    sourceModifiedAt: wanted.modifiedAt,
    sourceSystem: 'CLINIKO_SYNC',
  };
}

/** A name, never a path, whatever the source calls it. */
function nameOf({ fileName, reference }: WantedAttachment): string {
  const name = fileName?.split(/[/\\]/).at(-1)?.trim() ?? '';
  return name === '' || name === '.' || name === '..' ? `attachment-${reference}` : name;
}

/** @returns the error when it is the attachment's own, @throws it when the whole run is concerned */
function itemError(session: RunSession, error: unknown): SyncError {
  session.signal.throwIfAborted();
  const failure = toSyncError(error);
  if (ITEM_CODES.has(failure.code)) return failure;
  throw failure;
}

function failureOf(wanted: WantedAttachment, error: SyncError): ItemFailure {
  const { code, action, message } = error;
  const { reference, fingerprint } = wanted;
  return { unit: DOCUMENTS_UNIT, reference, operation: 'add', code, action, message, fingerprint };
}

async function noteFailures(work: Work, failed: readonly ItemFailure[]): Promise<void> {
  if (failed.length === 0) return;
  const { ports, session } = work;
  work.counts.failed += failed.length;
  session.count({ failed: failed.length });
  const now = ports.clock.now();
  await ports.runs.recordFailures(
    session.fence,
    failed.map((failure) => {
      work.errors.add(failure.code);
      const attempts = (work.failures.get(failure.reference)?.attempts ?? 0) + 1;
      return { ...failure, nextRetryAt: nextTry(failure.code, attempts, now) };
    }),
  );
}

async function resolve(work: Work, references: readonly string[]): Promise<void> {
  if (references.length === 0) return;
  await work.ports.runs.resolveFailures(
    work.session.fence,
    references.map((reference) => ({ unit: DOCUMENTS_UNIT, reference })),
  );
}

function throwFirst(results: readonly PromiseSettledResult<void>[]): void {
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
