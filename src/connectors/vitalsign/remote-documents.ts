/** `RemoteDocuments` over HTTP: the process and delete routes that Chartsync and VitalSign servers have in common. */
import { extname } from 'node:path/posix';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import { serviceAddress } from '../../domain/service-address.ts';
import type { RemoteDocument, RemoteDocuments, RemoteState, SentDocument } from '../../ports/remote-documents.ts';
import { streamedForm } from './form.ts';

export interface RemoteDocumentsOptions {
  readonly endpoint: string;
  /** Secret. */
  readonly apiKey: string | null;
  /** Of the other Chartsync, when it has several. */
  readonly organization: string | null;
  /** For one document with its answer. */
  readonly timeoutMs: number;
}

const SHORT_MS = 10_000;
const MOST_ANSWER = 16 * 1024 * 1024;
const PAGE = 1000;

type Json = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  /** Null: not a JSON object. */
  readonly json: Json | null;
}

export function createRemoteDocuments(options: RemoteDocumentsOptions): RemoteDocuments {
  const address = serviceAddress(options.endpoint);
  const known: Record<string, string> = { accept: 'application/json' };
  if (options.apiKey !== null) known.authorization = `Bearer ${options.apiKey}`;
  if (options.organization !== null) known['x-organization-id'] = options.organization;

  async function call(
    url: string,
    init: { method?: string; headers?: Record<string, string>; body?: unknown; duplex?: 'half' },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, {
        ...(init as RequestInit),
        headers: { ...known, ...init.headers },
        // The key is for this address only.
        redirect: 'manual',
        signal: AbortSignal.any([signal, late]),
      });
      const text = await readText(response);
      const answer = { status: response.status, json: objectOf(text) };
      if (response.status >= 200 && response.status < 300) return answer;
      throw refusalOf(response, answer.json !== null);
    } catch (error) {
      if (error instanceof SyncError) throw error;
      if (signal.aborted) throw toSyncError(signal.reason);
      const detail = late.aborted ? `It did not answer within ${timeoutMs} ms.` : undefined;
      throw new SyncError('remote_unavailable', { cause: error, ...(detail === undefined ? {} : { detail }) });
    }
  }

  return {
    async probe(signal) {
      for (const [i, url] of address.health.entries()) {
        try {
          await call(url, {}, SHORT_MS, signal);
          return;
        } catch (error) {
          const failure = toSyncError(error);
          const isUnknown = failure.code === 'remote_refused' && i + 1 < address.health.length;
          if (!isUnknown) throw failure.code === 'remote_refused' ? notHealthy(failure) : failure;
        }
      }
    },

    async send(document, content, signal) {
      const form = streamedForm(
        { patientUuid: document.patientUuid, metadata: JSON.stringify(metadataOf(document)) },
        {
          name: document.originalName,
          mimeType: document.mimeType ?? 'application/octet-stream',
          size: document.sizeBytes,
          content,
        },
      );
      const headers = {
        'content-type': form.contentType,
        'content-length': String(form.size),
        'x-silknote-patient-uuid': document.patientUuid,
        ...(document.ownerUuid === null ? {} : { 'x-silknote-user-uuid': document.ownerUuid }),
      };
      try {
        const init = { method: 'POST', headers, body: form.body, duplex: 'half' as const };
        return sentOf((await call(address.process, init, options.timeoutMs, signal)).json);
      } finally {
        content.destroy();
      }
    },

    async remove(patientUuid, remoteUuid, signal) {
      const url = `${address.base}/api/documents`;
      const ofPatient = { 'x-silknote-patient-uuid': patientUuid };
      const body = JSON.stringify({ documentUuid: remoteUuid, patientUuid, verifyVectorStore: false });
      const headers = { ...ofPatient, 'content-type': 'application/json' };
      const { status, json } = await unlessUnknown(() =>
        call(`${url}/delete`, { method: 'DELETE', headers, body }, options.timeoutMs, signal),
      );
      if (json?.success === false) throw new SyncError('remote_refused', { detail: 'It did not remove the document.' });
      if (status !== NOT_FOUND) return;
      // It may be this route that it does not know: earlier servers take "delete" for the id of a document.
      const gone = await unlessUnknown(() =>
        call(`${url}/${remoteUuid}`, { method: 'DELETE', headers: ofPatient }, options.timeoutMs, signal),
      );
      if (!gone.told) throw new SyncError('remote_refused', { detail: 'It has no route that removes a document.' });
    },

    async state(patientUuid, signal): Promise<RemoteState> {
      const status = await unlessUnknown(() =>
        call(`${address.base}/api/sync/status/${patientUuid}`, {}, options.timeoutMs, signal),
      );
      const counts = status.json?.counts as Json | undefined;
      const documents = typeof counts?.documents === 'number' ? counts.documents : null;
      return { documents, references: await references(patientUuid, signal) };
    },
  };

  /** Null: the service has no such list. */
  async function references(patientUuid: string, signal: AbortSignal): Promise<RemoteState['references']> {
    const found = new Map<string, { remoteUuid: string; sha256: string | null }>();
    let after: string | null = null;
    do {
      const url: string = `${address.base}/api/patients/${patientUuid}/documents?limit=${PAGE}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`;
      const { json }: Answer = await unlessUnknown(() => call(url, {}, options.timeoutMs, signal));
      // A patient that nothing was ever sent for is unknown there, and has nothing.
      if (json === null && found.size === 0) return null;
      // Half a list says of nothing that it is not there.
      if (json === null) throw new SyncError('remote_unavailable', { detail: 'Its list of documents broke off.' });
      if (!Array.isArray(json.documents)) return null;
      for (const document of json.documents as Json[]) {
        const { vsrxReference: reference, silknoteDocumentUuid: remoteUuid, hash } = document;
        if (typeof reference !== 'string' || typeof remoteUuid !== 'string') continue;
        found.set(reference.toLowerCase(), { remoteUuid, sha256: typeof hash === 'string' ? hash : null });
      }
      after = typeof json.next === 'string' ? json.next : null;
    } while (after !== null);
    return found;
  }
}

function metadataOf(document: RemoteDocument) {
  return {
    vsrxReference: document.reference,
    originalPath: document.sourcePath,
    uploadDate: document.uploadedAt,
    description: document.title,
    sourceSystem: 'VSRX_SYNC',
    originalFormat: extname(document.originalName).slice(1).toLowerCase() || null,
    groupingStatus: 'ungrouped',
    // The other service may not have heard of the patient yet.
    createPatient: true,
  };
}

/** @throws SyncError unless a document is named: "accepted" alone says nothing */
function sentOf(json: Json | null): SentDocument {
  const remoteUuid = typeof json?.documentUuid === 'string' ? normaliseUuid(json.documentUuid) : null;
  if (json?.success === false) throw new SyncError('remote_refused', { detail: 'It did not take the document.' });
  if (remoteUuid === null) throw new SyncError('remote_unnamed');
  const flag = (value: unknown) => (typeof value === 'boolean' ? value : null);
  return { remoteUuid, created: flag(json?.created), sameContent: flag(json?.sameContent) };
}

const NOT_FOUND = 404;

/** 404 and 410: what is asked for is not there. */
class Unknown extends SyncError {
  /** The service itself said so, in JSON; otherwise it may not even know the route. */
  told = false;
}

async function unlessUnknown(work: () => Promise<Answer>): Promise<Answer & { readonly told: boolean }> {
  try {
    return { ...(await work()), told: true };
  } catch (error) {
    if (error instanceof Unknown) return { status: NOT_FOUND, json: null, told: error.told };
    throw error;
  }
}

function refusalOf(response: Response, isJson: boolean): SyncError {
  const { status } = response;
  const detail = `It answered with ${status}.`;
  if (status === 401 || status === 403) return new SyncError('remote_credentials', { detail });
  if (status === NOT_FOUND || status === 410) {
    return Object.assign(new Unknown('remote_refused', { detail }), { told: isJson });
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    const retryAfterMs = seconds >= 0 && seconds <= 3600 ? { retryAfterMs: seconds * 1000 } : {};
    return new SyncError('remote_unavailable', { detail, ...retryAfterMs });
  }
  return new SyncError('remote_refused', { detail });
}

function notHealthy(failure: SyncError): SyncError {
  return new SyncError('remote_unavailable', { action: 'stop', detail: `Its health was asked for. ${failure.detail}` });
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_ANSWER) throw new SyncError('remote_refused', { detail: 'Its answer is too long.' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function objectOf(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
