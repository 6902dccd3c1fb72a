/** Brings documents over HTTP and waits until each has a verdict that its reader can see. */
import { setTimeout as pause } from 'node:timers/promises';
import { type HeardEvent, readEvents } from '../event-stream.ts';
import type { BrokenDocument } from './broken-documents.ts';

export interface Verdict {
  readonly kind: string;
  readonly name: string;
  /** `complete`, `error`, or `not accepted` for what was refused when it was brought. */
  readonly status: string;
  readonly code: string | null;
  /** As the interface tells it. */
  readonly reason: string | null;
  readonly warnings: readonly string[];
  /** From the first to the last that was heard about it. */
  readonly ms: number;
}

export interface FeedOptions {
  readonly url: string;
  readonly key: string;
  readonly patientUuid: string;
  readonly documents: readonly BrokenDocument[];
  /** Longer than all of them together take. */
  readonly timeoutMs: number;
  /** Documents brought by one request. */
  readonly together?: number;
  readonly onProgress?: (settled: number) => void;
}

const LOOK_MS = 500;
/** A crowded machine answers so, and says that one may ask again. */
const BUSY = 503;
const BUSY_MS = 2_000;
const PREFIX = 'broken-';

interface ListedDocument {
  readonly clientFileId: string | null;
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly warnings: readonly string[];
}

/** @throws Error when a document has none in time */
export async function feed(options: FeedOptions): Promise<readonly Verdict[]> {
  const { url, patientUuid, documents, together = 25 } = options;
  const headers = { authorization: `Bearer ${options.key}` };
  const base = `${url}/api/patients/${patientUuid}`;
  const times = new Map<string, { first: number; last: number }>();
  const stream = await readEvents(`${base}/events`, headers);
  const refused = new Map<string, string>();
  const deadline = performance.now() + options.timeoutMs;
  try {
    for (let from = 0; from < documents.length; from += together) {
      const form = new FormData();
      for (const [at, { name, make }] of documents.slice(from, from + together).entries()) {
        form.append('file', new Blob([new Uint8Array(await make())]), name);
        form.append('clientFileId', `${PREFIX}${from + at}`);
      }
      const response = await fetch(`${base}/process`, { method: 'POST', headers, body: form });
      // 400: none of them.
      if (response.status !== 202 && response.status !== 400)
        throw new Error(`Documents were not taken: ${response.status}`);
      const answer = (await response.json()) as { documents: { clientFileId: string; error: string | null }[] };
      for (const { clientFileId, error } of answer.documents) if (error !== null) refused.set(clientFileId, error);
      // Not all at once: what waits in the service shall stay small while a thousand go through it.
      await settled(from - together);
    }
    await settled(documents.length);
    const listed = await list();
    return documents.map((document, at) => verdictOf(document, `${PREFIX}${at}`, listed));
  } finally {
    stream.close();
  }

  async function settled(count: number): Promise<void> {
    for (;;) {
      note(stream.events.splice(0));
      const listed = [...(await list()).values()];
      const done = refused.size + listed.filter(({ status }) => status === 'complete' || status === 'error').length;
      options.onProgress?.(done);
      if (done >= count) return;
      if (performance.now() > deadline) {
        const open = listed.filter(({ status }) => status !== 'complete' && status !== 'error');
        const names = open.map(({ clientFileId }) => documents[Number(clientFileId?.slice(PREFIX.length))]?.name);
        throw new Error(`Without a verdict: ${names.join('; ')}`);
      }
      await pause(LOOK_MS);
    }
  }

  function note(events: readonly HeardEvent[]): void {
    const now = performance.now();
    for (const { event, data } of events) {
      if (event !== 'fileStatus' || data.status === 'queued') continue;
      const heard = times.get(data.clientFileId);
      if (heard === undefined) times.set(data.clientFileId, { first: now, last: now });
      else heard.last = now;
    }
  }

  async function list(): Promise<Map<string, ListedDocument>> {
    const listed = new Map<string, ListedDocument>();
    let next: string | null = '';
    while (next !== null) {
      const response = await fetch(`${base}/documents?limit=1000${next === '' ? '' : `&after=${next}`}`, { headers });
      if (response.status === BUSY && performance.now() < deadline) {
        await pause(BUSY_MS);
        continue;
      }
      if (response.status !== 200) throw new Error(`The documents cannot be listed: ${response.status}`);
      const page = (await response.json()) as { documents: ListedDocument[]; next: string | null };
      for (const document of page.documents) {
        if (document.clientFileId?.startsWith(PREFIX)) listed.set(document.clientFileId, document);
      }
      next = page.next;
    }
    return listed;
  }

  function verdictOf({ kind, name }: BrokenDocument, id: string, listed: Map<string, ListedDocument>): Verdict {
    const reason = refused.get(id);
    const of = { kind, name, warnings: [], ms: 0 };
    if (reason !== undefined) return { ...of, status: 'not accepted', code: null, reason };
    const { status, error, warnings } = listed.get(id)!;
    const { first, last } = times.get(id) ?? { first: 0, last: 0 };
    return { ...of, status, code: error?.code ?? null, reason: error?.message ?? null, warnings, ms: last - first };
  }
}
