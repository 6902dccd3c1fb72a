/** `DocumentRecords` on PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import { toSyncError } from '../../domain/errors.ts';
import { storedReference } from '../../domain/reference.ts';
import {
  type BlobRow,
  type ConnectionKey,
  type DocumentRecords,
  type DocumentWrite,
  type DocumentWriteResult,
  type Fence,
  type StoredDocument,
  SYNCHRONISED_SYSTEMS,
  type UnitResult,
} from '../../ports/document-records.ts';
import { PATIENT_NAME_LENGTH, storedText } from '../stored-text.ts';
import { announceBlobs } from './blob-references.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { afterRemoval, IS_SYNCHRONISED } from './document-removal.ts';
import { addEffects } from './effects.ts';
import { holdFence } from './fence.ts';
import { nextFilesetErrors, nextSyncLog, readFilesetErrors, readSyncLog } from './fileset-mirror.ts';
import { knownPatients, knowPatients } from './known-patients.ts';
import { markForMirror } from './mirror-marks.ts';
import { recordAll } from './record-documents.ts';
import { streamRows } from './stream-rows.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export function createDocumentRecords(database: Database): DocumentRecords {
  return {
    storedDocuments: (key, unit, signal) => streamDocuments(database, key, unit, signal),

    async countDocuments(key, unit) {
      try {
        const { rows } = await sql<{ n: string }>`
          SELECT count(*) AS n FROM silknote_documents
          WHERE "organizationId" = ${key.organizationId} AND "connectionId" = ${key.connectionId}
            AND "deletedAt" IS NULL AND (${unit ?? null}::text IS NULL OR unit = ${unit ?? null})
        `.execute(database.kysely);
        return Number(rows[0]?.n ?? 0);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async activatedFilesets(organizationId) {
      try {
        const rows = await database.kysely
          .selectFrom('silknote_patient_filesets')
          .select('silknotePatientUuid')
          .where('organizationId', '=', organizationId)
          .where('activatedUse', '=', true)
          .execute();
        return new Set(rows.map((row) => row.silknotePatientUuid.toLowerCase()));
      } catch (error) {
        throw databaseError(error);
      }
    },

    knownPatients: (key) => knownPatients(database, key),
    knowPatients: (fence, patients) => knowPatients(database, fence, patients),

    reserveBlobs: (fence, blobs) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        return announceBlobs(trx, fence.organizationId, blobs);
      }),

    recordDocuments: (fence, writes) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await createFilesets(trx, fence, writes);
        const results = await recordAll(trx, fence, writes);
        await addEffects(trx, fence, effectsOf(results));
        return results;
      }),

    markMissing: (fence, documentUuids, at) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          UPDATE silknote_documents SET "missingSince" = ${new Date(at)}
          WHERE "organizationId" = ${fence.organizationId} AND "connectionId" = ${fence.connectionId}
            AND "silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])
            AND "missingSince" IS NULL AND "deletedAt" IS NULL`.execute(trx);
      }),

    clearMissing: (fence, documentUuids) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await sql`
          UPDATE silknote_documents SET "missingSince" = NULL, "keptSince" = NULL
          WHERE "organizationId" = ${fence.organizationId} AND "connectionId" = ${fence.connectionId}
            AND "silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])`.execute(trx);
      }),

    removeDocuments: (fence, removals, at) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const { rows } = await sql<{ uuid: string; sha256: string | null }>`
          UPDATE silknote_documents AS d
          SET "deletedAt" = ${new Date(at)}, "deletedReason" = r.reason, "deletedByRun" = ${fence.runId},
              "updatedAt" = ${new Date(at)}
          FROM unnest(
            ${removals.map((r) => r.stored.documentUuid)}::text[], ${removals.map((r) => r.stored.reference)}::text[],
            ${removals.map((r) => r.stored.unit)}::text[], ${removals.map((r) => `source:${r.absence}`)}::text[]
          ) AS r (uuid, reference, unit, reason)
          WHERE d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
            AND d."silknoteDocumentUuid" = r.uuid AND d."vsrxReference" = r.reference AND d.unit = r.unit
            AND d."deletedAt" IS NULL AND d."keptSince" IS NULL AND ${IS_SYNCHRONISED}
          RETURNING d."silknoteDocumentUuid" AS uuid, d.sha256`.execute(trx);
        await afterRemoval(trx, fence.organizationId, rows);
        await addEffects(trx, fence, { removed: rows.length });
        return rows.map((row) => row.uuid);
      }),

    finishUnits: (fence, units, at) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        await recordUnits(trx, fence, units, at);
        await mirrorUnits(trx, fence, units, at);
      }),

    touchFilesets: (fence, at, units) =>
      database.transaction(async (trx) => {
        await holdFence(trx, fence);
        const text = new Date(at).toISOString();
        await sql`
          UPDATE silknote_patient_filesets AS f
          SET "syncLog" = jsonb_build_object('syncHistory', '[]'::jsonb)
                || chartsync_json_object(f."syncLog")
                || jsonb_build_object('lastSyncAttempt', ${text}::text, 'lastSuccessfulSync', ${text}::text),
              errors = CASE jsonb_typeof(f.errors) WHEN 'object' THEN f.errors
                         WHEN 'array' THEN jsonb_build_object('validationErrors', f.errors) ELSE '{}' END
                || jsonb_build_object('syncErrors', '[]'::jsonb, 'lastSyncAttempt', ${text}::text,
                                      'lastSuccessfulSync', ${text}::text, 'consecutiveFailures', 0)
          FROM connection_filesets AS c
          WHERE c.organization_id = ${fence.organizationId} AND c.connection_id = ${fence.connectionId}
            AND f."organizationId" = c.organization_id AND f."silknotePatientUuid" = c.unit
            AND ${units === undefined ? sql`NOT c.only_known` : sql`c.unit = ANY (${[...units]}::text[])`}
            AND NOT EXISTS (
              SELECT 1 FROM sync_failures AS n
              WHERE n.organization_id = c.organization_id AND n.connection_id = c.connection_id AND n.unit = c.unit
                AND n.state = 'waiting')`.execute(trx);
      }),

    blobRows: (organizationId, signal) => streamBlobRows(database, organizationId, signal),

    async releaseBlobs(organizationId, before, limit, release) {
      // First it is written down that the contents may be gone: a crash after the content went and before its row did
      // must not leave a row that says "stored".
      await database.transaction(async (trx) => {
        await sql`
          UPDATE blobs SET state = 'wanted'
          WHERE organization_id = ${organizationId} AND sha256 IN (
            SELECT sha256 FROM blobs
            WHERE organization_id = ${organizationId} AND "references" = 0 AND touched_at < ${new Date(before)}
              AND state = 'stored'
            ORDER BY touched_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)`.execute(trx);
      });
      let released = 0;
      for (let i = 0; i < limit; i++) {
        // One transaction each: the row stays locked while the content goes, so nobody can begin to rely on it.
        const done = await database.transaction(async (trx) => {
          const { rows } = await sql<{ sha256: string }>`
            SELECT sha256 FROM blobs AS b
            WHERE organization_id = ${organizationId} AND "references" = 0 AND touched_at < ${new Date(before)}
              AND state = 'wanted'
              -- Other applications write documents too, and do not count.
              AND NOT EXISTS (SELECT 1 FROM silknote_documents AS d
                              WHERE d."organizationId" = b.organization_id AND d.sha256 = b.sha256
                                AND d."deletedAt" IS NULL)
            ORDER BY touched_at LIMIT 1 FOR UPDATE OF b SKIP LOCKED`.execute(trx);
          const sha256 = rows[0]?.sha256;
          if (sha256 === undefined) return false;
          await release(sha256);
          await sql`
            DELETE FROM blobs WHERE organization_id = ${organizationId} AND sha256 = ${sha256}`.execute(trx);
          return true;
        });
        if (!done) break;
        released++;
      }
      return released;
    },
  };
}

type DocumentRow = [
  unit: string,
  reference: string,
  uuid: string,
  fingerprint: string | null,
  missingSince: string | null,
  kept: boolean,
  sha256: string | null,
  size: string | null,
  path: string | null,
  sourceSize: string | null,
  sourceModifiedAt: string | null,
  sourceSystem: string,
];

async function* streamDocuments(
  database: Database,
  key: ConnectionKey,
  unit: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredDocument> {
  const text = `
    SELECT unit, "vsrxReference", "silknoteDocumentUuid", "sourceFingerprint",
           extract(epoch FROM "missingSince") * 1000, "keptSince" IS NOT NULL, sha256, "sizeBytes", "sourcePath",
           "sourceSize", "sourceModifiedAt", "sourceSystem"
    FROM silknote_documents
    WHERE "organizationId" = $1 AND "connectionId" = $2 AND "deletedAt" IS NULL
      ${unit === undefined ? '' : 'AND unit = $3'}
    ORDER BY unit, "vsrxReference"`;
  const values =
    unit === undefined ? [key.organizationId, key.connectionId] : [key.organizationId, key.connectionId, unit];
  for await (const rows of streamRows<DocumentRow>(database, text, values, signal)) {
    for (const row of rows) {
      if (signal?.aborted) throw toSyncError(signal.reason);
      yield storedDocument(row);
    }
  }
}

type BlobTuple = [
  sha256: string,
  size: string,
  state: 'wanted' | 'stored',
  references: number,
  documents: string,
  originals: string,
];

async function* streamBlobRows(
  database: Database,
  organizationId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlobRow> {
  const text = `
    SELECT coalesce(b.sha256, d.sha256), coalesce(d.size, b.size), coalesce(b.state, 'wanted'),
           coalesce(b."references", 0), coalesce(d.documents, 0), coalesce(d.originals, 0)
    FROM (SELECT * FROM blobs WHERE organization_id = $1) AS b
    FULL JOIN (SELECT sha256, max(size) AS size, count(*) AS documents, count(*) FILTER (WHERE original) AS originals
               FROM (SELECT sha256, "sizeBytes" AS size, true AS original FROM silknote_documents
                     WHERE "organizationId" = $1 AND "deletedAt" IS NULL AND sha256 IS NOT NULL
                     -- What was made of a content names contents as well.
                     UNION ALL
                     SELECT p.sha256, p.size, false FROM document_renditions AS r
                     CROSS JOIN LATERAL (VALUES (r.pdf_sha256, r.pdf_size), (r.pages_sha256, r.pages_size),
                                                (r.thumbnail_sha256, r.thumbnail_size)) AS p (sha256, size)
                     WHERE r.organization_id = $1 AND p.sha256 IS NOT NULL
                     UNION ALL
                     SELECT pdf_sha256, pdf_size, false FROM document_groups
                     WHERE organization_id = $1 AND pdf_sha256 IS NOT NULL) AS named
               GROUP BY sha256) AS d
      ON d.sha256 = b.sha256
    ORDER BY coalesce(b.sha256, d.sha256) COLLATE "C"`;
  for await (const rows of streamRows<BlobTuple>(database, text, [organizationId], signal)) {
    for (const [sha256, size, state, references, documents, originals] of rows) {
      const named = { documents: Number(documents), originals: Number(originals) };
      yield { sha256, size: Number(size), state, references, ...named };
    }
  }
}

function storedDocument(row: DocumentRow): StoredDocument {
  return {
    unit: row[0],
    reference: storedReference(row[1]),
    documentUuid: row[2],
    fingerprint: row[3] ?? '',
    missingSince: row[4] === null ? null : Number(row[4]),
    kept: row[5],
    sha256: row[6] ?? '',
    sizeBytes: Number(row[7] ?? 0),
    path: row[8],
    sourceSize: row[9] === null ? null : Number(row[9]),
    sourceModifiedAt: row[10] === null ? null : Number(row[10]),
    uploaded: !(SYNCHRONISED_SYSTEMS as readonly string[]).includes(row[11]),
  };
}

/** Before the connection's filesets are written: known are those that it has already. */
async function createFilesets(trx: Trx, fence: Fence, writes: readonly DocumentWrite[]): Promise<void> {
  const units = [...new Map(writes.map((w) => [w.unit, w])).values()].sort((a, b) => (a.unit < b.unit ? -1 : 1));
  await sql`
    INSERT INTO silknote_patient_filesets AS f
      ("organizationId", "silknotePatientUuid", "silknoteUserUuid", "patientName", "activatedUse", "activatedUseTime")
    SELECT ${fence.organizationId}, u.unit, coalesce(u.owner, ''), u.name, true, now()
    FROM unnest(${units.map((u) => u.unit)}::text[], ${units.map((u) => u.ownerUuid)}::text[],
                ${units.map((u) => (u.patientName === null ? null : storedText(u.patientName, PATIENT_NAME_LENGTH)))}::text[]) AS u (unit, owner, name)
    ON CONFLICT ("organizationId", "silknotePatientUuid") DO UPDATE
      SET "silknoteUserUuid" = CASE WHEN f."silknoteUserUuid" = '' THEN excluded."silknoteUserUuid"
                                    ELSE f."silknoteUserUuid" END,
          "patientName" = coalesce(f."patientName", excluded."patientName"),
          "activatedUse" = f."activatedUse" OR ${wasOnlyKnown(fence)},
          "activatedUseTime" = CASE WHEN ${wasOnlyKnown(fence)} THEN now() ELSE f."activatedUseTime" END,
          -- A removed patient whose documents the source still lists is there again.
          "deletedAt" = NULL
      WHERE f."deletedAt" IS NOT NULL OR (f."silknoteUserUuid" = '' AND excluded."silknoteUserUuid" <> '')
         OR (f."patientName" IS NULL AND excluded."patientName" IS NOT NULL) OR ${wasOnlyKnown(fence)}`.execute(trx);
  const { rows } = await sql<{ unit: string }>`
    INSERT INTO connection_filesets (organization_id, connection_id, unit)
    SELECT ${fence.organizationId}, ${fence.connectionId}, u.unit FROM unnest(${units.map((u) => u.unit)}::text[]) AS u (unit)
    ON CONFLICT (organization_id, connection_id, unit) DO UPDATE SET only_known = false
      WHERE connection_filesets.only_known
    RETURNING unit`.execute(trx);
  await markForMirror(
    trx,
    fence,
    rows.map(({ unit }) => unit),
  );
}

/** A fileset that others made, or that was ever activated or had a document of the connection, is not activated by one. */
const wasOnlyKnown = ({ organizationId, connectionId }: Fence) => sql`
  (NOT f."activatedUse" AND f."activatedUseTime" IS NULL AND f."deletedAt" IS NULL AND EXISTS (
    SELECT 1 FROM connection_filesets AS c
    WHERE c.organization_id = ${organizationId} AND c.connection_id = ${connectionId}
      AND c.unit = f."silknotePatientUuid" AND c.only_known AND c.made))`;

/** How many of each result there are. */
function effectsOf(results: readonly DocumentWriteResult[]): Record<string, number> {
  const groups = Object.entries(Object.groupBy(results, (result) => result)).filter(([name]) => name !== 'same');
  return Object.fromEntries(groups.map(([name, all]) => [name, all.length]));
}

async function recordUnits(trx: Trx, fence: Fence, units: readonly UnitResult[], at: number): Promise<void> {
  const counts = units.map((u) =>
    JSON.stringify({ added: u.filesAdded, removed: u.filesDeleted, updated: u.filesUpdated, moved: u.filesMoved }),
  );
  await sql`
    INSERT INTO sync_run_units (organization_id, run_id, unit, outcome, counts, errors, finished_at)
    SELECT ${fence.organizationId}, ${fence.runId}, u.unit, u.outcome, u.counts, u.errors, ${new Date(at)}
    FROM unnest(${units.map((u) => u.unit)}::text[], ${units.map((u) => u.outcome)}::text[], ${counts}::jsonb[],
                ${units.map((u) => JSON.stringify(u.errors))}::jsonb[]) AS u (unit, outcome, counts, errors)
    ON CONFLICT (run_id, unit) DO UPDATE
      SET outcome = excluded.outcome, counts = excluded.counts, errors = excluded.errors,
          finished_at = excluded.finished_at`.execute(trx);
}

async function mirrorUnits(trx: Trx, fence: Fence, units: readonly UnitResult[], at: number): Promise<void> {
  const { rows } = await sql<{ unit: string; syncLog: string | null; errors: unknown }>`
    SELECT "silknotePatientUuid" AS unit, "syncLog", errors FROM silknote_patient_filesets
    WHERE "organizationId" = ${fence.organizationId} AND "silknotePatientUuid" = ANY (${units.map((u) => u.unit)}::text[])
    ORDER BY 1 FOR UPDATE`.execute(trx);
  const results = new Map(units.map((u) => [u.unit, u]));
  const iso = new Date(at).toISOString();
  const tries = await triesOf(trx, fence, units);
  const mirrored = rows.map((row) => {
    const result = results.get(row.unit)!;
    const failing = tries.get(row.unit) ?? new Map();
    return {
      unit: row.unit,
      syncLog: JSON.stringify(nextSyncLog(readSyncLog(row.syncLog), result, iso, failing)),
      errors: JSON.stringify(nextFilesetErrors(readFilesetErrors(row.errors), result, iso, failing)),
    };
  });
  await sql`
    UPDATE silknote_patient_filesets AS f SET "syncLog" = m.log, errors = m.errors, "updatedAt" = ${new Date(at)}
    FROM unnest(${mirrored.map((m) => m.unit)}::text[], ${mirrored.map((m) => m.syncLog)}::text[],
                ${mirrored.map((m) => m.errors)}::jsonb[]) AS m (unit, log, errors)
    WHERE f."organizationId" = ${fence.organizationId} AND f."silknotePatientUuid" = m.unit`.execute(trx);
}

/** By patient and reference: how often each file was tried that still fails. */
async function triesOf(
  trx: Trx,
  fence: Fence,
  units: readonly UnitResult[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>> {
  const tries = new Map<string, Map<string, number>>();
  const { rows } = await sql<{ unit: string; reference: string; attempts: number }>`
    SELECT unit, reference, attempts FROM sync_failures
    WHERE organization_id = ${fence.organizationId} AND connection_id = ${fence.connectionId}
      AND state = 'waiting' AND unit = ANY (${units.map(({ unit }) => unit)}::text[])`.execute(trx);
  for (const { unit, reference, attempts } of rows) {
    const own = tries.get(unit) ?? new Map<string, number>();
    tries.set(unit, own.set(reference, attempts));
  }
  return tries;
}
