/** `DocumentDesk` on PostgreSQL. */
import { type Selectable, sql, type Transaction } from 'kysely';
import { type PatientInfo, readAlerts } from '../../domain/document-alert.ts';
import { blobName } from '../../ports/blob-store.ts';
import type {
  DeskDocument,
  DeskPage,
  DocumentDesk,
  IndexExpectation,
  Upload,
  UploadResult,
} from '../../ports/document-desk.ts';
import { MIME_TYPE_LENGTH, NAME_LENGTH, storedText } from '../stored-text.ts';
import { announceBlobs, countReferences } from './blob-references.ts';
import { workAgainOn } from './content-names.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { askForDocuments } from './document-asks.ts';
import { lockFileset, lockPlaces, sameReference, sameSourceItem } from './document-places.ts';
import { findRendition, findRenditions } from './document-renditions.ts';
import { streamRows } from './stream-rows.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface DocumentDeskOptions {
  /** `organisation/connection` of those whose documents are kept, and found, on another machine. */
  readonly elsewhere?: readonly string[];
}

/** In microseconds since 1970; what has no time comes last. */
const UPLOADED = sql`
  CASE WHEN isfinite("uploadDate") THEN (extract(epoch FROM "uploadDate") * 1000000)::bigint ELSE -999999999999999999 END`;

export function createDocumentDesk(database: Database, options: DocumentDeskOptions = {}): DocumentDesk {
  const db = database.kysely;
  const live = (organizationId: string) =>
    db
      .selectFrom('silknote_documents')
      .selectAll()
      .where('organizationId', '=', organizationId)
      .where('deletedAt', 'is', null)
      .where('sha256', 'is not', null);
  const withRendition = async (organizationId: string, row: Row): Promise<DeskDocument> =>
    deskDocument(row, await findRendition(db, organizationId, row.sha256 ?? ''));

  /** `last`: of the page, when there are more. */
  async function pageOf<R extends Row>(
    organizationId: string,
    patientUuid: string,
    rows: readonly R[],
    limit: number,
  ): Promise<Omit<DeskPage, 'next'> & { last: R | null }> {
    const { rows: counted } = await sql<{ n: number }>`
      SELECT count(*)::int AS n FROM silknote_documents
      WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${patientUuid} AND "deletedAt" IS NULL
        AND sha256 IS NOT NULL`.execute(db);
    const page = rows.slice(0, limit);
    const contents = page.map((row) => row.sha256 ?? '');
    const renditions = await findRenditions(db, organizationId, contents);
    return {
      documents: page.map((row) => deskDocument(row, renditions.get(row.sha256 ?? '') ?? null)),
      total: counted[0]?.n ?? 0,
      last: rows.length > limit ? (page.at(-1) ?? null) : null,
    };
  }

  return {
    hasPatient: (organizationId, patientUuid) =>
      ask(async () => {
        const row = await db
          .selectFrom('silknote_patient_filesets')
          .select('silknotePatientUuid')
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .where('deletedAt', 'is', null)
          .executeTakeFirst();
        return row !== undefined;
      }),

    list: (organizationId, patientUuid, { limit, after = '' }) =>
      ask(async () => {
        const rows = await live(organizationId)
          .where('patientUuid', '=', patientUuid)
          .where('silknoteDocumentUuid', '>', after)
          .orderBy('silknoteDocumentUuid')
          .limit(limit + 1)
          .execute();
        const { last, ...page } = await pageOf(organizationId, patientUuid, rows, limit);
        return { ...page, next: last?.silknoteDocumentUuid ?? null };
      }),

    listNewest: (organizationId, patientUuid, { limit, after }) =>
      ask(async () => {
        const [at, uuid] = after ?? [];
        const rows = await live(organizationId)
          .select(sql<string>`${UPLOADED}::text`.as('uploaded'))
          .where('patientUuid', '=', patientUuid)
          .where(
            after === null
              ? sql<boolean>`true`
              : sql<boolean>`(${UPLOADED}, "silknoteDocumentUuid") < (${at}::bigint, ${uuid})`,
          )
          .orderBy(UPLOADED, 'desc')
          .orderBy('silknoteDocumentUuid', 'desc')
          .limit(limit + 1)
          .execute();
        const { last, ...page } = await pageOf(organizationId, patientUuid, rows, limit);
        return { ...page, next: last === null ? null : [last.uploaded, last.silknoteDocumentUuid] };
      }),

    find: (organizationId, documentUuid) =>
      ask(async () => {
        const row = await live(organizationId).where('silknoteDocumentUuid', '=', documentUuid).executeTakeFirst();
        return row === undefined ? null : withRendition(organizationId, row);
      }),

    findByClientId: (organizationId, patientUuid, clientFileId) =>
      ask(async () => {
        const row = await live(organizationId)
          .where('patientUuid', '=', patientUuid)
          .where('clientFileId', '=', clientFileId)
          .orderBy('createdAt', 'desc')
          .orderBy('silknoteDocumentUuid')
          .limit(1)
          .executeTakeFirst();
        return row === undefined ? null : withRendition(organizationId, row);
      }),

    names: (organizationId, patientUuid, documentUuids) =>
      ask(async () => {
        if (documentUuids.length === 0) return new Map();
        const rows = await live(organizationId)
          .where('patientUuid', '=', patientUuid)
          .where('silknoteDocumentUuid', 'in', [...documentUuids])
          .execute();
        return new Map(rows.map((row) => [row.silknoteDocumentUuid, row.originalName]));
      }),

    announce: (organizationId, content) =>
      database.transaction(async (trx) => {
        const announced = await announceBlobs(trx, organizationId, [content]);
        return announced.get(content.sha256) ?? 'wanted';
      }),

    upload: (upload) => database.transaction((trx) => recordUpload(trx, upload)),

    remove: (organizationId, documentUuid, patientUuid) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ sha256: string | null; gone: boolean }>`
          SELECT sha256, "deletedAt" IS NOT NULL AS gone FROM silknote_documents
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid}
            AND (${patientUuid}::text IS NULL OR "patientUuid" = ${patientUuid} OR unit = ${patientUuid})
          FOR UPDATE`.execute(trx);
        const [row] = rows;
        if (row === undefined) return 'unknown';
        if (row.gone) return 'gone';
        await sql`
          UPDATE silknote_documents SET "deletedAt" = now(), "deletedReason" = 'person', "updatedAt" = now()
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid}`.execute(trx);
        if (row.sha256 !== null) await countReferences(trx, organizationId, new Map([[row.sha256, -1]]));
        await askForDocuments(trx, organizationId, 'unindex', [{ documentUuid }]);
        return 'removed';
      }),

    restore: (organizationId, documentUuid) =>
      database.transaction(async (trx) => {
        await lockPlaces(trx, organizationId, documentUuid);
        const { rows } = await sql<RemovedRow>`
          SELECT sha256, "deletedAt" IS NOT NULL AS gone, "patientUuid", unit, "connectionId",
                 "vsrxReference" AS reference, "clientFileId"
          FROM silknote_documents
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid} FOR UPDATE`.execute(
          trx,
        );
        const [row] = rows;
        if (row === undefined) return 'unknown';
        if (!row.gone) return 'live';
        await lockFileset(trx, organizationId, row.patientUuid);
        if (await sameReference(trx, organizationId, row.patientUuid, row)) return 'replaced';
        if (await sameSourceItem(trx, organizationId, row)) return 'replaced';
        // Held until the end: the care of contents passes over what is locked, and finds it needed afterwards.
        const { rows: contents } = await sql`
          SELECT 1 FROM blobs WHERE organization_id = ${organizationId} AND sha256 = ${row.sha256}
            AND state = 'stored' FOR UPDATE`.execute(trx);
        if (contents.length === 0 || row.sha256 === null) return 'too_late';
        await sql`
          UPDATE silknote_documents
          SET "deletedAt" = NULL, "deletedReason" = NULL, "deletedByRun" = NULL, "goneAt" = NULL, "missingSince" = NULL,
              "keptSince" = CASE WHEN "connectionId" IS NULL THEN NULL ELSE now() END,
              status = 'queued', stage = NULL, "errorCode" = NULL, "updatedAt" = now()
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid}`.execute(trx);
        await countReferences(trx, organizationId, new Map([[row.sha256, 1]]), new Set([row.sha256]));
        await askForDocuments(trx, organizationId, 'process', [{ documentUuid }], { isAwaited: true });
        return 'restored';
      }),

    expectations: (organizationId, patientUuid, signal) =>
      expectations(database, { organizationId, patientUuid, elsewhere: options.elsewhere ?? [] }, signal),

    askAgain: (organizationId, documentUuid) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ live: boolean }>`
          SELECT "deletedAt" IS NULL AND sha256 IS NOT NULL AS live FROM silknote_documents
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" = ${documentUuid}
          FOR UPDATE`.execute(trx);
        if (rows[0] === undefined) return false;
        await askForDocuments(trx, organizationId, rows[0].live ? 'index' : 'unindex', [{ documentUuid }]);
        return true;
      }),
  };
}

interface Expected {
  readonly organizationId: string;
  readonly patientUuid: string | null;
  readonly elsewhere: readonly string[];
}

async function* expectations(
  database: Database,
  { organizationId, patientUuid, elsewhere }: Expected,
  signal: AbortSignal | undefined,
): AsyncGenerator<IndexExpectation> {
  const text = `
    SELECT lower(coalesce(d."patientUuid", o.patient_uuid)) COLLATE "C",
           lower(coalesce(d."silknoteDocumentUuid", o.document_uuid)) COLLATE "C",
           r.pages_sha256, o.document_uuid IS NOT NULL, d.sha256 IS NOT NULL AND r.sha256 IS NULL
    FROM (SELECT "patientUuid", "silknoteDocumentUuid", sha256, status FROM silknote_documents
          WHERE "organizationId" = $1 AND ($2::text IS NULL OR "patientUuid" = $2) AND "deletedAt" IS NULL
            AND ("connectionId" IS NULL OR "organizationId" || '/' || "connectionId" <> ALL ($3::text[]))) AS d
    FULL JOIN (SELECT patient_uuid, document_uuid FROM document_outbox
               WHERE organization_id = $1 AND ($2::text IS NULL OR patient_uuid = $2)) AS o
      ON o.document_uuid = d."silknoteDocumentUuid"
    LEFT JOIN document_renditions AS r ON r.organization_id = $1 AND r.sha256 = d.sha256
    WHERE d.status = 'complete' OR o.document_uuid IS NOT NULL
    UNION ALL
    SELECT lower(f.patient) COLLATE "C", lower(o.document_uuid) COLLATE "C", NULL, true, false
    FROM document_outbox AS o CROSS JOIN LATERAL unnest(o.former_patients) AS f (patient)
    WHERE o.organization_id = $1 AND ($2::text IS NULL OR f.patient = $2) AND f.patient <> o.patient_uuid
    ORDER BY 1, 2`;
  type Tuple = [patient: string, document: string, version: string | null, open: boolean, unread: boolean];
  for await (const rows of streamRows<Tuple>(database, text, [organizationId, patientUuid, elsewhere], signal)) {
    for (const [patient, document, version, open, unread] of rows) {
      yield { patientUuid: patient, documentUuid: document, version, open, unread };
    }
  }
}

interface RemovedRow {
  sha256: string | null;
  gone: boolean;
  patientUuid: string;
  /** Where its source lists it. */
  unit: string;
  connectionId: string | null;
  reference: string | null;
  clientFileId: string | null;
}

type Row = Selectable<Tables['silknote_documents']>;

function deskDocument(row: Row, rendition: DeskDocument['rendition']): DeskDocument {
  return {
    documentUuid: row.silknoteDocumentUuid,
    patientUuid: row.patientUuid,
    connectionId: row.connectionId,
    reference: row.vsrxReference,
    clientFileId: row.clientFileId,
    originalName: row.originalName,
    title: row.title,
    category: row.category,
    sourceSystem: row.sourceSystem,
    mimeType: row.mimeType,
    sizeBytes: Number(row.sizeBytes ?? 0),
    sha256: row.sha256 ?? '',
    status: row.status,
    stage: row.stage,
    errorCode: row.errorCode,
    uploadedAt: row.uploadDate?.toISOString() ?? null,
    processedAt: row.processedAt?.toISOString() ?? null,
    author: row.author,
    groupingStatus: row.groupingStatus,
    alerts: readAlerts(row.alertsJson),
    patientInfo: row.patientInfo as PatientInfo | null,
    rendition,
  };
}

async function recordUpload(trx: Trx, upload: Upload): Promise<UploadResult> {
  const { organizationId, patientUuid, sha256 } = upload;
  if (upload.newPatient !== undefined) {
    await sql`
      INSERT INTO silknote_patient_filesets ("organizationId", "silknotePatientUuid", "silknoteUserUuid")
      VALUES (${organizationId}, ${patientUuid}, ${upload.newPatient.ownerUuid ?? ''})
      ON CONFLICT ("organizationId", "silknotePatientUuid") DO NOTHING`.execute(trx);
  }
  // Two uploads of one patient with one reference come one after the other.
  if (!(await lockFileset(trx, organizationId, patientUuid))) return { outcome: 'no_patient' };
  const existing = await sameReference(trx, organizationId, patientUuid, upload);
  if (existing !== null) {
    const sameContent = existing.sha256 === sha256;
    // Perhaps it is brought again because it was lost.
    if (sameContent) await workAgainOn(trx, organizationId, sha256);
    return { outcome: 'same', documentUuid: existing.uuid, sameContent };
  }
  await trx
    .insertInto('silknote_documents')
    .values({
      silknoteDocumentUuid: upload.documentUuid,
      organizationId,
      patientUuid,
      vsrxReference: upload.reference,
      clientFileId: upload.clientFileId,
      originalName: storedText(upload.originalName, NAME_LENGTH),
      title: upload.title === null ? null : storedText(upload.title, NAME_LENGTH),
      uploadDate: upload.uploadedAt,
      storedPath: blobName(organizationId, sha256),
      mimeType: upload.mimeType === null ? null : storedText(upload.mimeType, MIME_TYPE_LENGTH),
      sizeBytes: upload.sizeBytes,
      sha256,
      status: 'queued',
      sourceSystem: upload.sourceSystem,
    })
    .execute();
  await countReferences(trx, organizationId, new Map([[sha256, 1]]), new Set([sha256]));
  // Another system brings its documents with a reference, and thousands of them.
  const isAwaited = upload.reference === null;
  await askForDocuments(trx, organizationId, 'process', [{ documentUuid: upload.documentUuid }], { isAwaited });
  return { outcome: 'added', documentUuid: upload.documentUuid, sameContent: true };
}
