/**
 * Compares rows, blobs, index, sources and the documents on other machines for all patients of an organisation: patient by
 * patient as long as there is time, and on from there the next time. Changes nothing but its report.
 */
import { createHash } from 'node:crypto';
import { type SyncError, toSyncError } from '../domain/errors.ts';
import { normaliseUuid } from '../domain/reference.ts';
import { type Difference, notThere, verifyBlobs, verifySource, wrongSize } from '../engine/files/verify-files.ts';
import { type BlobStore, blobName } from '../ports/blob-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { ConsistencyCounts, ConsistencyStore, FoundDifference, OpenCheck } from '../ports/consistency-store.ts';
import type { DeskDocument, DocumentDesk } from '../ports/document-desk.ts';
import type { DocumentRecords } from '../ports/document-records.ts';
import type { SearchIndex } from '../ports/search-index.ts';
import { compareIndex } from './compare-index.ts';
import { compareRemote, type RemotePorts } from './compare-remote.ts';
import type { FileConnection } from './connections.ts';

export interface ConsistencyPorts {
  readonly store: ConsistencyStore;
  readonly desk: DocumentDesk;
  readonly records: Pick<DocumentRecords, 'blobRows'>;
  readonly blobs: BlobStore;
  readonly search: SearchIndex;
  readonly clock: Clock;
  /** Of this process. */
  readonly holder: string;
  /** Null: the documents of the connection are for this machine. */
  remoteOf(connection: FileConnection): RemotePorts | null;
}

export interface ConsistencyRequest {
  readonly organizationId: string;
  /** Connections of the organisation that copy files. */
  readonly connections: readonly FileConnection[];
  /** Epoch ms. What is not done by then is for the next time. */
  readonly until: number;
  /** Of the documents, those whose content is read and hashed: other ones each time. */
  readonly samplePercent: number;
  readonly signal: AbortSignal;
}

/** `busy`: another process is at it. `open`: there was no more time. */
export type ConsistencyEnd = 'done' | 'open' | 'busy';

const LEASE_MS = 10 * 60_000;
const PATIENTS = 20;
const PAGE = 500;
/** A store that is full of differences has one reason: the report says how many more there are, and stays readable. */
const MOST_OF_A_PLACE = 5000;

export async function checkConsistency(ports: ConsistencyPorts, request: ConsistencyRequest): Promise<ConsistencyEnd> {
  const { store, clock, holder } = ports;
  const { organizationId, signal } = request;
  const check = await store.begin(organizationId, holder, LEASE_MS);
  if (check === null) return 'busy';
  let ended = false;
  try {
    let after = check.afterPatient;
    for (;;) {
      const patients = await store.patients(organizationId, after, PATIENTS);
      if (patients.length === 0) break;
      for (const patientUuid of patients) {
        if (clock.now() >= request.until) return 'open';
        signal.throwIfAborted();
        const found = await comparePatient(ports, request, check, patientUuid);
        await store.step(check, { afterPatient: patientUuid, leaseMs: LEASE_MS, ...found });
        after = patientUuid;
      }
    }
    if (clock.now() >= request.until) return 'open';
    const found = await compareWhole(ports, request);
    await store.step(check, { afterPatient: after, leaseMs: LEASE_MS, ...found });
    await store.finish(check);
    ended = true;
    return 'done';
  } finally {
    if (!ended) await store.release(check).catch(() => undefined);
  }
}

interface Found {
  readonly counts: ConsistencyCounts;
  readonly differences: readonly FoundDifference[];
}

class Findings {
  readonly differences: FoundDifference[] = [];
  patients = 0;
  documents = 0;
  sampled = 0;
  unknown = 0;
  unlisted = 0;
  /** By store, and by connection where it is about one: a bad one takes no room from the others. */
  readonly #listed = new Map<string, number>();

  tell(
    connectionId: string | null,
    difference: Partial<FoundDifference> & Pick<FoundDifference, 'store' | 'kind' | 'message'>,
  ) {
    const place = `${difference.store} ${connectionId}`;
    const listed = this.#listed.get(place) ?? 0;
    if (listed >= MOST_OF_A_PLACE) {
      this.unlisted++;
      return;
    }
    this.#listed.set(place, listed + 1);
    const nothing = { unit: null, reference: null, documentUuid: null, sha256: null, code: null };
    this.differences.push({ ...nothing, ...difference, connectionId });
  }

  /** What cannot be compared now is no difference. Our own database is another matter. */
  async try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const failure: SyncError = toSyncError(error);
      if (failure.code === 'cancelled' || failure.code === 'database_unavailable') throw failure;
      this.unknown++;
    }
  }

  result(): Found {
    const { patients, documents, sampled, unknown, unlisted, differences } = this;
    return { counts: { patients, documents, sampled, unknown, unlisted }, differences };
  }
}

async function comparePatient(
  ports: ConsistencyPorts,
  request: ConsistencyRequest,
  check: OpenCheck,
  patientUuid: string,
): Promise<Found> {
  const { organizationId, signal } = request;
  const findings = new Findings();
  findings.patients = 1;
  for (let after: string | undefined; ; ) {
    const page = await ports.desk.list(organizationId, patientUuid, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page.documents) {
      findings.documents++;
      await findings.try(() => compareBlob(ports, request, check, document, findings));
    }
    if (page.next === null) break;
    after = page.next;
  }
  // An index has nothing of patients under ids of another form.
  if (ports.search.capabilities.available && normaliseUuid(patientUuid) !== null) {
    await findings.try(async () => {
      const { differences } = await compareIndex(ports, {
        organizationId,
        patientUuid: patientUuid.toLowerCase(),
        signal,
      });
      for (const { kind, message, documentUuid } of differences) {
        findings.tell(null, { store: 'index', kind, message, unit: patientUuid, documentUuid });
      }
    });
  }
  for (const connection of request.connections) {
    const remote = ports.remoteOf(connection);
    if (remote === null) continue;
    await findings.try(async () => {
      const { differences } = await compareRemote(remote, { key: connection.settings, unit: patientUuid, signal });
      for (const { kind, message, reference, documentUuid } of differences) {
        findings.tell(connection.id, { store: 'remote', kind, message, unit: patientUuid, reference, documentUuid });
      }
    });
  }
  return findings.result();
}

async function compareBlob(
  ports: ConsistencyPorts,
  request: ConsistencyRequest,
  check: OpenCheck,
  document: DeskDocument,
  findings: Findings,
): Promise<void> {
  const { patientUuid: unit, documentUuid, reference, sha256, connectionId } = document;
  const ids = { unit, documentUuid, reference, sha256 };
  const name = blobName(request.organizationId, sha256);
  const info = await ports.blobs.stat(name, request.signal);
  if (info === null) {
    const message = notThere('original');
    return findings.tell(connectionId, { store: 'blob', kind: 'missing', message, code: 'blob_missing', ...ids });
  }
  const corrupt = (message: string) =>
    findings.tell(connectionId, { store: 'blob', kind: 'different', message, code: 'blob_corrupt', ...ids });
  if (info.size !== document.sizeBytes) {
    return corrupt(wrongSize(info.size, document.sizeBytes, 'original'));
  }
  if (!isSampled(check.id, documentUuid, request.samplePercent)) return;
  findings.sampled++;
  try {
    const { stream } = await ports.blobs.get(name, request.signal);
    // Reading to the end is the check: the port ends the stream with an error when the hash differs.
    for await (const _ of stream) request.signal.throwIfAborted();
  } catch (error) {
    const failure = toSyncError(error);
    if (failure.code !== 'blob_corrupt') throw failure;
    corrupt(failure.message);
  }
}

/** Every check reads other ones, and the same ones again when it is repeated. */
function isSampled(checkId: string, documentUuid: string, percent: number): boolean {
  const hash = createHash('sha256').update(`${checkId} ${documentUuid}`).digest();
  return hash.readUInt32BE(0) < (percent / 100) * 2 ** 32;
}

/** What no patient of ours shows: rows that a source lacks or has too much, blobs and entries that nobody knows. */
async function compareWhole(ports: ConsistencyPorts, request: ConsistencyRequest): Promise<Found> {
  const { organizationId, signal } = request;
  const findings = new Findings();
  for (const connection of request.connections) {
    await findings.try(async () => {
      await connection.ports.source.check(signal);
      const { complete } = await verifySource(
        connection.ports,
        connection.settings,
        { content: false, signal },
        (difference) => findings.tell(connection.id, withIds(difference)),
      );
      if (!complete) findings.unknown++;
    });
  }
  await findings.try(async () => {
    await verifyBlobs(ports, organizationId, signal, {
      tell: (difference) => findings.tell(null, withIds(difference)),
      // With its patient.
      isTold: ({ originals }) => originals > 0,
    });
  });
  if (ports.search.capabilities.available)
    await findings.try(() => compareStrangers(ports, organizationId, signal, findings));
  return findings.result();
}

/** Entries of patients that the records do not know. */
async function compareStrangers(
  ports: ConsistencyPorts,
  organizationId: string,
  signal: AbortSignal,
  findings: Findings,
): Promise<void> {
  let seen: { patientUuid: string; documentUuid: string }[] = [];
  const judge = async () => {
    const known = await ports.store.known(organizationId, [...new Set(seen.map((entry) => entry.patientUuid))]);
    for (const { patientUuid, documentUuid } of seen) {
      if (known.has(patientUuid)) continue;
      const message = 'The search index has an entry of a patient that is not there.';
      findings.tell(null, { store: 'index', kind: 'surplus', message, unit: patientUuid, documentUuid });
    }
    seen = [];
  };
  for await (const entry of ports.search.list(organizationId, null, signal)) {
    seen.push(entry);
    if (seen.length >= PAGE) await judge();
  }
  await judge();
}

function withIds(
  difference: Partial<Difference> & Pick<Difference, 'store' | 'kind' | 'message'>,
): Partial<FoundDifference> & Pick<FoundDifference, 'store' | 'kind' | 'message'> {
  return difference;
}
