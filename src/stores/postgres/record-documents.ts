/** Writes documents as a source has them, within a transaction that holds the fence. */
import { sql, type Transaction } from 'kysely';
import { type DocumentAlert, readAlerts } from '../../domain/document-alert.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { DocumentWrite, DocumentWriteResult, Fence } from '../../ports/document-records.ts';
import { MIME_TYPE_LENGTH, NAME_LENGTH, storedText } from '../stored-text.ts';
import { countReferences } from './blob-references.ts';
import { askForDocuments, type DocumentAsk } from './document-asks.ts';
import { IS_SYNCHRONISED } from './document-removal.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

interface Existing {
  uuid: string;
  /** Of this connection; else it was uploaded. */
  own: boolean;
  /** Brought by somebody who is no connection. */
  uploaded: boolean;
  /** Where the source lists it, and where it is. */
  unit: string;
  patient: string;
  reference: string;
  sha256: string | null;
  fingerprint: string | null;
  path: string | null;
  sourceSize: string | null;
  sourceModifiedAt: string | null;
}

/** What a write finds of its document. */
interface Found {
  /** Null: it is a new document. */
  readonly existing: Existing | null;
  /** An upload with another content has the reference: it stays, without it. */
  readonly released: Existing | null;
}

export async function recordAll(
  trx: Trx,
  fence: Fence,
  writes: readonly DocumentWrite[],
): Promise<readonly DocumentWriteResult[]> {
  const find = await findExisting(trx, fence, writes);
  const inserts: DocumentWrite[] = [];
  const updates: { write: DocumentWrite; uuid: string }[] = [];
  const asks: DocumentAsk[] = [];
  const moved: string[] = [];
  const giveUp: string[] = [];
  const deltas = new Map<string, number>();
  const results = writes.map((write): DocumentWriteResult => {
    const { existing, released } = find(write);
    if (released !== null) giveUp.push(released.uuid);
    // Equal content without a change of count still proves that its blob is in the store.
    deltas.set(write.sha256, deltas.get(write.sha256) ?? 0);
    if (existing === null) {
      inserts.push(write);
      asks.push({ documentUuid: write.documentUuid });
      deltas.set(write.sha256, (deltas.get(write.sha256) ?? 0) + 1);
      return 'added';
    }
    const sameContent = existing.sha256 === write.sha256;
    const samePlace =
      existing.path === write.path && existing.reference === write.reference && existing.unit === write.unit;
    const sameRecord =
      existing.fingerprint === write.fingerprint &&
      Number(existing.sourceSize) === write.sourceSize &&
      Number(existing.sourceModifiedAt) === write.sourceModifiedAt;
    if (existing.own && sameContent && samePlace && sameRecord) return 'same';
    updates.push({ write, uuid: existing.uuid });
    // A service on another machine may be the one to have it now: what the index here has of it goes then.
    const takenOver = existing.own ? {} : { formerPatient: existing.patient };
    if (!sameContent) {
      asks.push({ ...takenOver, documentUuid: existing.uuid, former: existing.sha256 });
      deltas.set(write.sha256, (deltas.get(write.sha256) ?? 0) + 1);
      if (existing.sha256) deltas.set(existing.sha256, (deltas.get(existing.sha256) ?? 0) - 1);
      return 'updated';
    }
    if (!existing.own) {
      asks.push({ ...takenOver, documentUuid: existing.uuid });
      return 'updated';
    }
    if (existing.reference !== write.reference) moved.push(existing.uuid);
    return samePlace ? 'updated' : 'moved';
  });
  asks.push(...(await releaseUploads(trx, fence, giveUp)));
  await insertDocuments(trx, fence, inserts);
  await updateDocuments(trx, fence, updates);
  await countReferences(trx, fence.organizationId, deltas, new Set(writes.map((w) => w.sha256)));
  asks.push(...(await delivered(trx, fence, moved)));
  await askForDocuments(trx, fence.organizationId, 'process', asks);
  return results;
}

async function findExisting(
  trx: Trx,
  fence: Fence,
  writes: readonly DocumentWrite[],
): Promise<(write: DocumentWrite) => Found> {
  const units = writes.map((w) => w.unit);
  const references = writes.map((w) => w.reference);
  const keys = sql`unnest(${units}::text[], ${references}::text[]) AS k (unit, reference)`;
  const { rows } = await sql<Existing>`
    SELECT "silknoteDocumentUuid" AS uuid, "connectionId" IS NOT NULL AS own, NOT ${IS_SYNCHRONISED} AS uploaded,
           unit, "patientUuid" AS patient, "vsrxReference" AS reference, sha256,
           "sourceFingerprint" AS fingerprint, "sourcePath" AS path, "sourceSize" AS "sourceSize",
           "sourceModifiedAt" AS "sourceModifiedAt"
    FROM silknote_documents
    WHERE "organizationId" = ${fence.organizationId} AND "deletedAt" IS NULL
      AND ("connectionId" = ${fence.connectionId} OR "connectionId" IS NULL)
      -- Several ways by index; one condition with OR would read the whole table.
      AND "silknoteDocumentUuid" IN (
        SELECT d."silknoteDocumentUuid" FROM ${keys} JOIN silknote_documents AS d
          ON d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
            AND d.unit = k.unit AND d."vsrxReference" = k.reference AND d."deletedAt" IS NULL
        -- The source now lists it where a person had migrated it to.
        UNION ALL
        SELECT d."silknoteDocumentUuid" FROM ${keys} JOIN silknote_documents AS d
          ON d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
            AND d."patientUuid" = k.unit AND d."sourceUnit" IS NOT NULL AND d."vsrxReference" = k.reference
            AND d."deletedAt" IS NULL
        -- It was brought before the connection could: with a content of ours, unlike rows of other applications.
        UNION ALL
        SELECT d."silknoteDocumentUuid" FROM ${keys} JOIN silknote_documents AS d
          ON d."organizationId" = ${fence.organizationId} AND d."connectionId" IS NULL
            AND (d."patientUuid" = k.unit OR d.unit = k.unit) AND d."vsrxReference" = k.reference
            AND d."deletedAt" IS NULL AND d.sha256 IS NOT NULL
        UNION ALL SELECT unnest(${writes.flatMap((w) => w.replaces ?? [])}::text[]))
    ORDER BY "silknoteDocumentUuid" FOR UPDATE`.execute(trx);
  const own = rows.filter((row) => row.own);
  const places = (row: Existing) => [...new Set([row.unit, row.patient])].map((unit) => keyOf(unit, row.reference));
  const byKey = new Map(own.map((row) => [keyOf(row.unit, row.reference), row]));
  const byUuid = new Map(own.map((row) => [row.uuid, row]));
  const migrated = new Map(
    own.filter((row) => row.patient !== row.unit).map((row) => [keyOf(row.patient, row.reference), row]),
  );
  const brought = new Map(
    rows.filter((row) => !row.own).flatMap((row) => places(row).map((place) => [place, row] as const)),
  );

  /** Only within its fileset: a document never changes its patient. */
  function replaced(write: DocumentWrite): Existing | undefined {
    const found = byUuid.get(write.replaces ?? '');
    return found?.unit === write.unit ? found : undefined;
  }

  return (write) => {
    const key = keyOf(write.unit, write.reference);
    const existing = byKey.get(key) ?? migrated.get(key) ?? brought.get(key) ?? replaced(write) ?? null;
    const released = existing?.uploaded === true && existing.sha256 !== write.sha256;
    return released ? { existing: null, released: existing } : { existing, released: null };
  };
}

const RELEASED =
  'The source has another content under the reference that this document was brought with. Both are kept; the other one has the reference.';

function keyOf(unit: string, reference: string): string {
  return `${unit}\0${reference}`;
}

/** Before the documents that have the references from now on are written. */
async function releaseUploads(trx: Trx, fence: Fence, documentUuids: readonly string[]): Promise<DocumentAsk[]> {
  if (documentUuids.length === 0) return [];
  const { rows } = await sql<{ uuid: string; alerts: string | null }>`
    SELECT "silknoteDocumentUuid" AS uuid, "alertsJson" AS alerts FROM silknote_documents
    WHERE "organizationId" = ${fence.organizationId}
      AND "silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])`.execute(trx);
  const alert: DocumentAlert = {
    type: 'ALERT',
    description: RELEASED,
    source: 'SERVER_API_CALL',
    timestamp: new Date().toISOString(),
    acknowledged: false,
  };
  const alerts = rows.map((row) => JSON.stringify([...readAlerts(row.alerts), alert]));
  await sql`
    UPDATE silknote_documents AS d
    SET "connectionId" = NULL, "vsrxReference" = NULL, "clientFileId" = d."silknoteDocumentUuid", "sourcePath" = NULL,
        "sourceUnit" = NULL, "sourceFingerprint" = NULL, "sourceSize" = NULL, "sourceModifiedAt" = NULL, "missingSince" = NULL,
        "keptSince" = NULL, "alertsJson" = r.alerts, "updatedAt" = now()
    FROM unnest(${rows.map((row) => row.uuid)}::text[], ${alerts}::text[]) AS r (uuid, alerts)
    WHERE d."organizationId" = ${fence.organizationId} AND d."silknoteDocumentUuid" = r.uuid`.execute(trx);
  // It may have been kept on another machine until now.
  return documentUuids.map((documentUuid) => ({ documentUuid }));
}

/** A service on another machine knows them by their references. */
async function delivered(trx: Trx, fence: Fence, documentUuids: readonly string[]): Promise<DocumentAsk[]> {
  if (documentUuids.length === 0) return [];
  const { rows } = await sql<{ documentUuid: string }>`
    SELECT DISTINCT document_uuid AS "documentUuid" FROM document_deliveries
    WHERE organization_id = ${fence.organizationId} AND document_uuid = ANY (${documentUuids}::text[])`.execute(trx);
  return rows;
}

async function insertDocuments(trx: Trx, fence: Fence, writes: readonly DocumentWrite[]): Promise<void> {
  if (writes.length === 0) return;
  const column = <T>(pick: (write: DocumentWrite) => T) => writes.map(pick);
  await sql`
    INSERT INTO silknote_documents
      ("silknoteDocumentUuid", "organizationId", "connectionId", "patientUuid", "vsrxReference", "clientFileId",
       "originalName", title, "uploadDate", "storedPath", "mimeType", "sizeBytes", sha256, "sourcePath",
       "sourceFingerprint", "sourceSize", "sourceModifiedAt", status, "sourceSystem")
    SELECT w.uuid, ${fence.organizationId}, ${fence.connectionId}, w.unit, w.reference, w.reference,
           w.name, w.title, w.uploaded, w.stored, w.mime, w.size, w.sha256, w.path,
           w.fingerprint, w.source_size, w.modified, 'queued', w.system
    FROM unnest(
      ${column((w) => w.documentUuid)}::text[], ${column((w) => w.unit)}::text[], ${column((w) => w.reference)}::text[],
      ${column((w) => storedText(w.originalName, NAME_LENGTH))}::text[],
      ${column((w) => textOf(w.title, NAME_LENGTH))}::text[],
      ${column((w) => w.uploadedAt)}::timestamptz[], ${column((w) => blobName(fence.organizationId, w.sha256))}::text[],
      ${column((w) => textOf(w.mimeType, MIME_TYPE_LENGTH))}::text[], ${column((w) => w.sizeBytes)}::bigint[], ${column((w) => w.sha256)}::text[],
      ${column((w) => w.path)}::text[], ${column((w) => w.fingerprint)}::text[], ${column((w) => w.sourceSize)}::bigint[],
      ${column((w) => w.sourceModifiedAt)}::bigint[], ${column((w) => w.sourceSystem ?? 'VSRX_SYNC')}::text[]
    ) AS w (uuid, unit, reference, name, title, uploaded, stored, mime, size, sha256, path, fingerprint, source_size, modified,
            system)
  `.execute(trx);
}

async function updateDocuments(
  trx: Trx,
  fence: Fence,
  updates: readonly { write: DocumentWrite; uuid: string }[],
): Promise<void> {
  if (updates.length === 0) return;
  const column = <T>(pick: (write: DocumentWrite) => T) => updates.map((u) => pick(u.write));
  await sql`
    UPDATE silknote_documents AS d
    SET "connectionId" = ${fence.connectionId}, "sourceUnit" = nullif(w.unit, d."patientUuid"),
        "vsrxReference" = w.reference, "clientFileId" = w.reference, "originalName" = w.name,
        title = w.title, "uploadDate" = w.uploaded, "storedPath" = w.stored, "mimeType" = w.mime,
        "sizeBytes" = w.size, sha256 = w.sha256, "sourcePath" = w.path, "sourceFingerprint" = w.fingerprint,
        "sourceSize" = w.source_size, "sourceModifiedAt" = w.modified, "missingSince" = NULL, "keptSince" = NULL,
        status = CASE WHEN d.sha256 IS DISTINCT FROM w.sha256 THEN 'queued' ELSE d.status END,
        stage = CASE WHEN d.sha256 IS DISTINCT FROM w.sha256 THEN NULL ELSE d.stage END,
        "pageCount" = CASE WHEN d.sha256 = w.sha256 THEN d."pageCount"
                           ELSE nullif(d."pageCount", ${ofFormerContent('page_count')}) END,
        "documentDate" = CASE WHEN d.sha256 = w.sha256 THEN d."documentDate"
                              ELSE nullif(d."documentDate", ${ofFormerContent('document_date')}) END,
        "errorCode" = CASE WHEN d.sha256 IS DISTINCT FROM w.sha256 THEN NULL ELSE d."errorCode" END,
        "updatedAt" = now()
    FROM unnest(
      ${updates.map((u) => u.uuid)}::text[], ${column((w) => w.unit)}::text[], ${column((w) => w.reference)}::text[],
      ${column((w) => storedText(w.originalName, NAME_LENGTH))}::text[],
      ${column((w) => textOf(w.title, NAME_LENGTH))}::text[],
      ${column((w) => w.uploadedAt)}::timestamptz[], ${column((w) => blobName(fence.organizationId, w.sha256))}::text[],
      ${column((w) => textOf(w.mimeType, MIME_TYPE_LENGTH))}::text[], ${column((w) => w.sizeBytes)}::bigint[], ${column((w) => w.sha256)}::text[],
      ${column((w) => w.path)}::text[], ${column((w) => w.fingerprint)}::text[], ${column((w) => w.sourceSize)}::bigint[],
      ${column((w) => w.sourceModifiedAt)}::bigint[]
    ) AS w (uuid, unit, reference, name, title, uploaded, stored, mime, size, sha256, path, fingerprint, source_size, modified)
    WHERE d."silknoteDocumentUuid" = w.uuid AND d."organizationId" = ${fence.organizationId}`.execute(trx);
}

function textOf(text: string | null, maxCharacters: number): string | null {
  return text === null ? null : storedText(text, maxCharacters);
}

/** What the content of the document said until now: that is no longer true, unlike what somebody has said of the document. */
function ofFormerContent(column: 'page_count' | 'document_date') {
  return sql`(
    SELECT r.${sql.raw(column)} FROM document_renditions AS r
    WHERE r.organization_id = d."organizationId" AND r.sha256 = d.sha256)`;
}
