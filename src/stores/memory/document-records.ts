/** `DocumentRecords` in memory, for simulation and tests. */
import type { Removal } from '../../domain/completeness.ts';
import { SyncError, toSyncError } from '../../domain/errors.ts';
import { compareBytes, compareKeys, storedReference } from '../../domain/reference.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  BlobRow,
  ConnectionKey,
  DocumentRecords,
  DocumentWrite,
  DocumentWriteResult,
  Fence,
  PatientWrite,
  StoredDocument,
  UnitResult,
} from '../../ports/document-records.ts';
import {
  nextFilesetErrors,
  nextSyncLog,
  readFilesetErrors,
  readSyncLog,
  touchedFilesetErrors,
  touchedSyncLog,
} from '../postgres/fileset-mirror.ts';
import {
  BIRTH_DATE_LENGTH,
  GENDER_LENGTH,
  isStorableUnit,
  MIME_TYPE_LENGTH,
  NAME_LENGTH,
  PATIENT_NAME_LENGTH,
  storedText,
} from '../stored-text.ts';
import { addToBlobs, releaseMemoryBlobs, reserveMemoryBlobs, unlocked } from './blob-rows.ts';
import { holdFence, keyOf, type MemoryDocument, type MemoryWorld } from './world.ts';

export interface MemoryRecordsOptions {
  readonly world: MemoryWorld;
  readonly clock: Clock;
  /** The process that the records belong to, see `endSession`. */
  readonly session?: object;
}

export function createMemoryDocumentRecords(options: MemoryRecordsOptions): DocumentRecords {
  const { world, clock } = options;
  const session = options.session ?? {};

  return {
    storedDocuments: (key, unit, signal) => streamDocuments(world, key, unit, signal),

    async countDocuments(key, unit) {
      return liveDocuments(world, key, unit).length;
    },

    async activatedFilesets(organizationId) {
      const filesets = [...world.filesets.values()].filter((f) => f.organizationId === organizationId && f.activated);
      return new Set(filesets.map((fileset) => fileset.unit.toLowerCase()));
    },

    async knownPatients({ organizationId, connectionId }) {
      const own = [...world.connectionFilesets.values()].filter(
        (known) => known.organizationId === organizationId && known.connectionId === connectionId,
      );
      return new Map(own.flatMap(({ unit, given }) => (given === null ? [] : [[unit, given] as const])));
    },

    async knowPatients(fence, patients) {
      holdFence(world, fence);
      let unknown = 0;
      for (const patient of patients.filter(({ unit }) => isStorableUnit(unit))) {
        if (!world.filesets.has(keyOf(fence.organizationId, patient.unit))) unknown++;
        putFileset(world, fence, patient, patient.activated);
        describePatient(world, fence, patient);
      }
      return unknown;
    },

    async reserveBlobs(fence, blobs) {
      await unlocked(
        world,
        fence.organizationId,
        blobs.map((blob) => blob.sha256),
      );
      holdFence(world, fence);
      return reserveMemoryBlobs(world, fence.organizationId, blobs, clock.now());
    },

    async recordDocuments(fence, writes) {
      await unlocked(world, fence.organizationId, contentsOf(world, fence, writes));
      holdFence(world, fence);
      return recordAll(world, fence, writes, clock.now());
    },

    async markMissing(fence, documentUuids, at) {
      holdFence(world, fence);
      changeDocuments(world, fence, documentUuids, (document) =>
        document.missingSince === null ? { ...document, missingSince: at } : document,
      );
    },

    async clearMissing(fence, documentUuids) {
      holdFence(world, fence);
      changeDocuments(world, fence, documentUuids, (document) => ({
        ...document,
        missingSince: null,
        keptSince: null,
      }));
    },

    async removeDocuments(fence, removals, at) {
      await unlocked(
        world,
        fence.organizationId,
        removals.flatMap((removal) => world.documents.get(removal.stored.documentUuid)?.sha256 ?? []),
      );
      holdFence(world, fence);
      return removals.flatMap((removal) =>
        removeDocument(world, fence, removal, at, clock.now()) ? [removal.stored.documentUuid] : [],
      );
    },

    async finishUnits(fence, units, at) {
      holdFence(world, fence);
      for (const unit of units) finishUnit(world, fence, unit, at);
    },

    async touchFilesets(fence, at, units) {
      holdFence(world, fence);
      const iso = new Date(at).toISOString();
      const open = openUnits(world, fence);
      const read = units === undefined ? null : new Set(units);
      for (const own of world.connectionFilesets.values()) {
        if (own.organizationId !== fence.organizationId || own.connectionId !== fence.connectionId) continue;
        if (open.has(own.unit) || (read === null ? own.onlyKnown : !read.has(own.unit))) continue;
        const key = keyOf(own.organizationId, own.unit);
        const fileset = world.filesets.get(key);
        if (fileset === undefined) continue;
        world.filesets.set(key, {
          ...fileset,
          syncLog: JSON.stringify(touchedSyncLog(readSyncLog(fileset.syncLog), iso)),
          errors: touchedFilesetErrors(readFilesetErrors(fileset.errors), iso),
        });
      }
    },

    blobRows: (organizationId, signal) => streamBlobRows(world, organizationId, signal),

    releaseBlobs: (organizationId, before, limit, release) =>
      releaseMemoryBlobs({ world, session, organizationId, before, limit, release }),
  };
}

/** Patients of whom something waits for another try. */
function openUnits(world: MemoryWorld, key: ConnectionKey): ReadonlySet<string> {
  const failed = [...world.failures.values()].filter((failure) => isOf(failure, key) && failure.state === 'waiting');
  return new Set(failed.map(({ unit }) => unit));
}

function isOf(one: ConnectionKey, key: ConnectionKey): boolean {
  return one.organizationId === key.organizationId && one.connectionId === key.connectionId;
}

function liveDocuments(world: MemoryWorld, key: ConnectionKey, unit?: string): MemoryDocument[] {
  const documents: MemoryDocument[] = [];
  for (const uuid of world.liveDocuments.values()) {
    const document = world.documents.get(uuid)!;
    if (document.organizationId !== key.organizationId || document.connectionId !== key.connectionId) continue;
    if (unit === undefined || document.unit === unit) documents.push(document);
  }
  return documents;
}

async function* streamDocuments(
  world: MemoryWorld,
  key: ConnectionKey,
  unit: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredDocument> {
  for (const document of liveDocuments(world, key, unit).sort(compareKeys)) {
    throwIfAborted(signal);
    yield {
      unit: document.unit,
      reference: storedReference(document.reference),
      documentUuid: document.documentUuid,
      fingerprint: document.fingerprint,
      missingSince: document.missingSince,
      kept: document.keptSince !== null,
      sha256: document.sha256,
      sizeBytes: document.sizeBytes,
      path: document.path,
      sourceSize: document.sourceSize,
      sourceModifiedAt: document.sourceModifiedAt,
      // There is no desk beside this twin.
      uploaded: false,
    };
  }
}

async function* streamBlobRows(
  world: MemoryWorld,
  organizationId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlobRow> {
  const rows = new Map<string, BlobRow>();
  for (const blob of world.blobs.values()) {
    if (blob.organizationId !== organizationId) continue;
    const { sha256, size, state, references } = blob;
    rows.set(sha256, { sha256, size, state, references, documents: 0, originals: 0 });
  }
  for (const uuid of world.liveDocuments.values()) {
    const { organizationId: owner, sha256, sizeBytes } = world.documents.get(uuid)!;
    if (owner !== organizationId) continue;
    const none = { references: 0, documents: 0, originals: 0 };
    const row = rows.get(sha256) ?? { sha256, size: sizeBytes, state: 'wanted', ...none };
    rows.set(sha256, { ...row, size: sizeBytes, documents: row.documents + 1, originals: row.originals + 1 });
  }
  for (const row of [...rows.values()].sort((a, b) => compareBytes(a.sha256, b.sha256))) {
    throwIfAborted(signal);
    yield row;
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw toSyncError(signal.reason);
}

function liveKey(item: ConnectionKey & { readonly unit: string; readonly reference: string }): string {
  return keyOf(item.organizationId, item.connectionId, item.unit, item.reference);
}

function findExisting(world: MemoryWorld, fence: Fence, write: DocumentWrite): MemoryDocument | undefined {
  const { organizationId, connectionId } = fence;
  const uuid = world.liveDocuments.get(keyOf(organizationId, connectionId, write.unit, write.reference));
  if (uuid !== undefined) return world.documents.get(uuid);
  const replaced = world.documents.get(write.replaces ?? '');
  const own =
    replaced !== undefined &&
    replaced.deletedAt === null &&
    replaced.organizationId === organizationId &&
    replaced.connectionId === connectionId &&
    replaced.unit === write.unit;
  return own ? replaced : undefined;
}

function contentsOf(world: MemoryWorld, fence: Fence, writes: readonly DocumentWrite[]): string[] {
  return writes.flatMap((write) => [write.sha256, findExisting(world, fence, write)?.sha256 ?? write.sha256]);
}

/** Decides everything before it changes anything: a refused call leaves no trace. */
function recordAll(
  world: MemoryWorld,
  fence: Fence,
  writes: readonly DocumentWrite[],
  now: number,
): readonly DocumentWriteResult[] {
  for (const { sha256 } of writes) {
    const known = world.blobs.has(keyOf(fence.organizationId, sha256));
    if (!known) throw new SyncError('blob_missing', { action: 'retry' });
  }
  const found = writes.map((write) => findExisting(world, fence, write));
  if (writes.some((write, i) => found[i] === undefined && world.documents.has(write.documentUuid))) {
    throw new SyncError('unexpected', { detail: 'The UUID of a new document is taken.' });
  }
  for (const write of writes) ensureFileset(world, fence, write);
  return writes.map((write, index) => {
    const existing = found[index];
    addToBlobs(world, fence.organizationId, write.sha256, 0, now, true);
    if (existing === undefined) {
      putDocument(world, undefined, documentOf(fence, write, write.documentUuid));
      addToBlobs(world, fence.organizationId, write.sha256, 1, now);
      return 'added';
    }
    const sameContent = existing.sha256 === write.sha256;
    const samePlace = existing.path === write.path && existing.reference === write.reference;
    const sameRecord =
      existing.fingerprint === write.fingerprint &&
      existing.sourceSize === write.sourceSize &&
      existing.sourceModifiedAt === write.sourceModifiedAt;
    if (sameContent && samePlace && sameRecord) return 'same';
    putDocument(world, existing, documentOf(fence, write, existing.documentUuid));
    if (sameContent) return samePlace ? 'updated' : 'moved';
    addToBlobs(world, fence.organizationId, write.sha256, 1, now);
    addToBlobs(world, fence.organizationId, existing.sha256, -1, now);
    return 'updated';
  });
}

function documentOf(fence: Fence, write: DocumentWrite, documentUuid: string): MemoryDocument {
  return {
    documentUuid,
    organizationId: fence.organizationId,
    connectionId: fence.connectionId,
    unit: write.unit,
    reference: write.reference,
    fingerprint: write.fingerprint,
    path: write.path,
    originalName: storedText(write.originalName, NAME_LENGTH),
    title: write.title === null ? null : storedText(write.title, NAME_LENGTH),
    uploadedAt: write.uploadedAt,
    mimeType: write.mimeType === null ? null : storedText(write.mimeType, MIME_TYPE_LENGTH),
    sha256: write.sha256,
    sizeBytes: write.sizeBytes,
    sourceSize: write.sourceSize,
    sourceModifiedAt: write.sourceModifiedAt,
    missingSince: null,
    keptSince: null,
    deletedAt: null,
    deletedReason: null,
    deletedByRun: null,
  };
}

function putDocument(world: MemoryWorld, before: MemoryDocument | undefined, document: MemoryDocument): void {
  if (before !== undefined) world.liveDocuments.delete(liveKey(before));
  world.documents.set(document.documentUuid, document);
  if (document.deletedAt === null) world.liveDocuments.set(liveKey(document), document.documentUuid);
}

function changeDocuments(
  world: MemoryWorld,
  fence: Fence,
  documentUuids: readonly string[],
  change: (document: MemoryDocument) => MemoryDocument,
): void {
  for (const uuid of documentUuids) {
    const document = ownLiveDocument(world, fence, uuid);
    if (document !== undefined) world.documents.set(uuid, change(document));
  }
}

function ownLiveDocument(world: MemoryWorld, key: ConnectionKey, uuid: string): MemoryDocument | undefined {
  const document = world.documents.get(uuid);
  if (document === undefined || document.deletedAt !== null) return undefined;
  if (document.organizationId !== key.organizationId || document.connectionId !== key.connectionId) return undefined;
  return document;
}

function removeDocument(
  world: MemoryWorld,
  fence: Fence,
  removal: Removal<StoredDocument>,
  at: number,
  now: number,
): boolean {
  const document = ownLiveDocument(world, fence, removal.stored.documentUuid);
  if (document === undefined || document.keptSince !== null) return false;
  if (document.reference !== removal.stored.reference) return false;
  putDocument(world, document, {
    ...document,
    deletedAt: at,
    deletedReason: `source:${removal.absence}`,
    deletedByRun: fence.runId,
  });
  addToBlobs(world, fence.organizationId, document.sha256, -1, now);
  return true;
}

function ensureFileset(world: MemoryWorld, fence: Fence, write: DocumentWrite): void {
  const { organizationId, connectionId } = fence;
  const key = keyOf(organizationId, write.unit);
  const before = world.filesets.get(key);
  const own = keyOf(organizationId, connectionId, write.unit);
  const ours = world.connectionFilesets.get(own);
  if (before !== undefined && ours?.onlyKnown === true && ours.made && !before.wasActivated) {
    world.filesets.set(key, { ...before, activated: true, wasActivated: true });
  }
  putFileset(world, fence, write, true);
  world.connectionFilesets.set(own, { ...world.connectionFilesets.get(own)!, onlyKnown: false });
}

/** What others have written stays, and what the source says nothing about. */
function describePatient(world: MemoryWorld, fence: Fence, patient: PatientWrite): void {
  const { organizationId, connectionId } = fence;
  const { unit, given } = patient;
  const own = keyOf(organizationId, connectionId, unit);
  const { gave: before, ...kept } = world.connectionFilesets.get(own)!;
  const key = keyOf(organizationId, unit);
  const fileset = world.filesets.get(key)!;
  const said = {
    dateOfBirth: patient.dateOfBirth === null ? null : storedText(patient.dateOfBirth, BIRTH_DATE_LENGTH),
    gender: patient.gender === null ? null : storedText(patient.gender, GENDER_LENGTH),
  };
  const next = (name: 'dateOfBirth' | 'gender') =>
    said[name] !== null && (fileset[name] === null || fileset[name] === before[name]) ? said[name] : fileset[name];
  world.filesets.set(key, { ...fileset, dateOfBirth: next('dateOfBirth'), gender: next('gender') });
  const gave = {
    dateOfBirth: said.dateOfBirth ?? before.dateOfBirth,
    gender: said.gender ?? before.gender,
  };
  world.connectionFilesets.set(own, { ...kept, given, gave });
}

/** @param activated of a new one */
function putFileset(
  world: MemoryWorld,
  { organizationId, connectionId }: Fence,
  { unit, ownerUuid, patientName: name }: Pick<PatientWrite, 'unit' | 'ownerUuid' | 'patientName'>,
  activated: boolean,
): void {
  const key = keyOf(organizationId, unit);
  const fileset = world.filesets.get(key);
  const patientName = name === null ? null : storedText(name, PATIENT_NAME_LENGTH);
  world.filesets.set(
    key,
    fileset === undefined
      ? {
          organizationId,
          unit,
          userUuid: ownerUuid ?? '',
          activated,
          wasActivated: activated,
          patientName,
          dateOfBirth: null,
          gender: null,
          syncLog: null,
          errors: null,
        }
      : {
          ...fileset,
          userUuid: fileset.userUuid === '' ? (ownerUuid ?? '') : fileset.userUuid,
          patientName: fileset.patientName ?? patientName,
        },
  );
  const own = keyOf(organizationId, connectionId, unit);
  if (!world.connectionFilesets.has(own)) {
    world.connectionFilesets.set(own, {
      organizationId,
      connectionId,
      unit,
      given: null,
      gave: { dateOfBirth: null, gender: null },
      onlyKnown: true,
      made: fileset === undefined,
    });
  }
}

function finishUnit(world: MemoryWorld, fence: Fence, result: UnitResult, at: number): void {
  world.units.set(keyOf(fence.runId, result.unit), { ...result, runId: fence.runId, finishedAt: at });
  const key = keyOf(fence.organizationId, result.unit);
  const fileset = world.filesets.get(key);
  if (fileset === undefined) return;
  const iso = new Date(at).toISOString();
  const tries = new Map(
    [...world.failures.values()]
      .filter((f) => isOf(f, fence) && f.unit === result.unit && f.state === 'waiting')
      .map(({ reference, attempts }) => [reference, attempts]),
  );
  world.filesets.set(key, {
    ...fileset,
    syncLog: JSON.stringify(nextSyncLog(readSyncLog(fileset.syncLog), result, iso, tries)),
    errors: nextFilesetErrors(readFilesetErrors(fileset.errors), result, iso, tries),
  });
}
