/** `DocumentWork` on PostgreSQL. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { DocumentProgram } from '../../ports/document-content.ts';
import type { DocumentTask, DocumentWork, TaskEnd } from '../../ports/document-work.ts';
import { announceBlobs } from './blob-references.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { askForDocuments } from './document-asks.ts';
import { dropUnusedRenditions, findRendition, putRendition } from './document-renditions.ts';
import { keptHere } from './kept-here.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface DocumentWorkOptions {
  readonly database: Database;
  /** Lock of this process, see `worker-presence.ts`. */
  readonly workerId: string;
  /** Longer than the longest work on one document. */
  readonly leaseMs?: number;
  /** `organization/connection`: these documents are read on another machine. */
  readonly elsewhere?: readonly string[];
}

/** What waits for the index costs little, and the index takes many together as fast as one. */
const INDEXED_PER_READ = 7;

/** Reading a scan takes seconds for each page: they are not all put in the queue at once. */
const SCANS_AT_ONCE = 500;

/** The process that holds the task's lease is gone, or has it for too long. */
const ABANDONED = sql`
  o.state = 'working' AND (o.expires_at < now() OR NOT EXISTS (
    SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
      AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = o.worker_id))`;

export function createDocumentWork({
  database,
  workerId,
  leaseMs = 900_000,
  elsewhere = [],
}: DocumentWorkOptions): DocumentWork {
  return {
    async due() {
      try {
        const { rows } = await sql<{ id: string }>`
          SELECT g.id FROM organizations AS g
          WHERE EXISTS (SELECT 1 FROM document_outbox AS o WHERE o.organization_id = g.id AND o.state = 'waiting'
                        AND o.next_try_at <= now())
             OR EXISTS (SELECT 1 FROM document_outbox AS o WHERE o.organization_id = g.id AND ${ABANDONED})
          ORDER BY g.id`.execute(database.kysely);
        return rows.map((row) => row.id);
      } catch (error) {
        throw databaseError(error);
      }
    },

    claim: (organizationId, atMost, take, connectionId) =>
      database.transaction(async (trx) => {
        // One process counts at a time, or two together would take more than may be at work.
        await sql`SELECT pg_advisory_xact_lock(hashtextextended(${`document_outbox ${organizationId}`}, 0))`.execute(
          trx,
        );
        await sql`
          UPDATE document_outbox AS o SET state = 'waiting', worker_id = NULL, lease = NULL, expires_at = NULL
          WHERE o.organization_id = ${organizationId} AND ${ABANDONED}`.execute(trx);
        return claimTasks(trx, { organizationId, atMost, take, workerId, leaseMs, connectionId: connectionId ?? null });
      }),

    showStage: (task, stage) =>
      database.transaction(async (trx) => {
        await showStage(trx, task, stage);
        await holdTask(trx, task);
      }),

    async rendition(organizationId, sha256) {
      try {
        return await findRendition(database.kysely, organizationId, sha256);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async announce(task, blobs) {
      try {
        // What is announced and never stored is taken away again, so the lease is only looked at, not held.
        const held = sql`EXISTS (SELECT 1 FROM document_outbox WHERE ${ofTask(task)})`;
        const announced = await announceBlobs(database.kysely, task.organizationId, blobs, held);
        if (blobs.length > 0 && announced.size === 0) throw new SyncError('lease_lost');
        return announced;
      } catch (error) {
        throw databaseError(error);
      }
    },

    recordRendition: (task, rendition) =>
      database.transaction(async (trx) => {
        if (task.document === null) throw new SyncError('lease_lost');
        const { organizationId, document } = task;
        const isNamed = await showStage(trx, task, 'extracting');
        const put = await putRendition(trx, organizationId, document.sha256, { rendition, isNamed });
        const current = put === 'kept' ? await findRendition(trx, organizationId, document.sha256) : rendition;
        if (put === 'other') await askForOthers(trx, task, document.sha256);
        await holdTask(trx, task);
        return current ?? rendition;
      }),

    finish: (task, end) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<{ former: string[] }>`
          SELECT former FROM document_outbox WHERE ${ofTask(task)}`.execute(trx);
        const { rows: records } = await sql<{ sha256: string | null }>`
          SELECT sha256 FROM silknote_documents
          WHERE "organizationId" = ${task.organizationId} AND "silknoteDocumentUuid" = ${task.documentUuid}
          FOR UPDATE`.execute(trx);
        const former = [...(rows[0]?.former ?? []), ...(end.status === 'gone' ? [records[0]?.sha256 ?? null] : [])];
        await dropUnusedRenditions(trx, task.organizationId, former);
        await endTask(trx, task, end);
      }),

    tryAgain: (task, { afterMs, code, counts }) =>
      database.transaction(async (trx) => {
        await backToQueue(trx, task);
        // A change of the document meanwhile has put it in front again.
        const { numAffectedRows } = await sql`
          UPDATE document_outbox
          SET state = 'waiting', worker_id = NULL, lease = NULL, expires_at = NULL, code = ${code},
              attempts = CASE WHEN change <> ${task.change}::bigint THEN attempts
                              WHEN ${counts} THEN ${task.attempts}::int ELSE ${task.attempts - 1}::int END,
              delays = CASE WHEN change <> ${task.change}::bigint OR ${counts} THEN 0 ELSE delays + 1 END,
              next_try_at = CASE WHEN change <> ${task.change}::bigint THEN now()
                                 ELSE now() + ${afterMs} * interval '1 millisecond' END
          WHERE ${ofTask(task)}`.execute(trx);
        assertHeld(numAffectedRows);
      }),

    giveBack: (task) =>
      database.transaction(async (trx) => {
        await backToQueue(trx, task);
        const { numAffectedRows } = await sql`
          UPDATE document_outbox
          SET state = 'waiting', worker_id = NULL, lease = NULL, expires_at = NULL, attempts = greatest(attempts - 1, 0)
          WHERE ${ofTask(task)}`.execute(trx);
        assertHeld(numAffectedRows);
      }),

    askForRefused: async (installed) => {
      const refused = await database.transaction((trx) => askForRefused(trx, installed));
      const unread = installed.has('tesseract')
        ? await database.transaction((trx) => askForUnreadScans(trx, elsewhere))
        : 0;
      return refused + unread;
    },

    async open(organizationId, patientUuid) {
      try {
        const { rows } = await sql<{ n: number }>`
          SELECT count(*)::int AS n FROM document_outbox
          WHERE organization_id = ${organizationId}
            AND (${patientUuid ?? null}::text IS NULL OR patient_uuid = ${patientUuid ?? null})`.execute(
          database.kysely,
        );
        return rows[0]?.n ?? 0;
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}

async function askForRefused(trx: Trx, installed: ReadonlySet<DocumentProgram>): Promise<number> {
  const { rows } = await sql<Content>`
    DELETE FROM document_renditions WHERE missing = ANY (${[...installed]}::text[])
    RETURNING organization_id, sha256`.execute(trx);
  return askForContents(trx, rows, { priority: 1, which: sql`true` });
}

/**
 * What there is stays until there is something new. A machine without Tesseract may take them, and leaves them as they are: they are
 * asked for again a day later.
 */
async function askForUnreadScans(trx: Trx, elsewhere: readonly string[]): Promise<number> {
  const { rows } = await sql<Content>`
    UPDATE document_renditions AS r SET ocr_asked_at = now()
    FROM (SELECT organization_id, sha256 FROM document_renditions
          WHERE warnings @> '{ocr_missing}' AND coalesce(ocr_asked_at, '-infinity') < now() - interval '1 day'
          ORDER BY coalesce(ocr_asked_at, '-infinity'), organization_id, sha256 LIMIT ${SCANS_AT_ONCE}
          FOR UPDATE SKIP LOCKED) AS s
    WHERE r.organization_id = s.organization_id AND r.sha256 = s.sha256
    RETURNING r.organization_id, r.sha256`.execute(trx);
  return askForContents(trx, rows, { priority: 2, which: keptHere(elsewhere) });
}

interface Content {
  organization_id: string;
  sha256: string;
}

async function askForContents(
  trx: Trx,
  contents: readonly Content[],
  { priority, which }: { readonly priority: 1 | 2; readonly which: RawBuilder<unknown> },
): Promise<number> {
  if (contents.length === 0) return 0;
  const result = await sql`
    INSERT INTO document_outbox (organization_id, document_uuid, patient_uuid, task, priority)
    SELECT d."organizationId", d."silknoteDocumentUuid", d."patientUuid", 'process', ${priority}::int
    FROM unnest(${contents.map((row) => row.organization_id)}::text[], ${contents.map((row) => row.sha256)}::text[])
           AS r (organization_id, sha256)
    JOIN silknote_documents AS d
      ON d."organizationId" = r.organization_id AND d.sha256 = r.sha256 AND d."deletedAt" IS NULL AND ${which}
    -- What is at work may have looked at its content before this.
    ON CONFLICT (organization_id, document_uuid) DO UPDATE SET change = excluded.change
      WHERE document_outbox.state = 'working'`.execute(trx);
  return Number(result.numAffectedRows ?? 0n);
}

interface Claim {
  readonly organizationId: string;
  readonly atMost: number;
  readonly take: number;
  readonly workerId: string;
  readonly leaseMs: number;
  /** Null: of any. */
  readonly connectionId: string | null;
}

interface ClaimedRow {
  document_uuid: string;
  patient_uuid: string;
  task: DocumentTask['kind'];
  former_patients: string[];
  attempts: number;
  delays: number;
  lease: string;
  change: string;
  sha256: string | null;
  size: string | null;
  name: string | null;
  type: string | null;
}

async function claimTasks(trx: Trx, claim: Claim): Promise<DocumentTask[]> {
  const { organizationId } = claim;
  const { rows } = await sql<ClaimedRow>`
    WITH work AS (
      SELECT count(*)::int AS tasks, count(*) FILTER (WHERE d.stage IS DISTINCT FROM 'extracting')::int AS reading
      FROM document_outbox AS o LEFT JOIN silknote_documents AS d
        ON d."organizationId" = o.organization_id AND d."silknoteDocumentUuid" = o.document_uuid
      WHERE o.organization_id = ${organizationId} AND o.state = 'working'),
    room AS (
      SELECT greatest(0, least(${claim.take}::int, ${claim.atMost}::int - reading,
                               ${claim.atMost * (1 + INDEXED_PER_READ)}::int - tasks)) AS places FROM work),
    next AS (
      SELECT document_uuid FROM document_outbox
      WHERE organization_id = ${organizationId} AND state = 'waiting' AND next_try_at <= now()
        AND (${claim.connectionId}::text IS NULL OR EXISTS (
          SELECT 1 FROM silknote_documents AS d WHERE d."silknoteDocumentUuid" = document_uuid
            AND d."organizationId" = ${organizationId} AND d."connectionId" = ${claim.connectionId}))
      ORDER BY priority, next_try_at LIMIT (SELECT places FROM room) FOR UPDATE SKIP LOCKED),
    taken AS (
      UPDATE document_outbox AS o
      SET state = 'working', worker_id = ${claim.workerId}::bigint, lease = nextval('document_outbox_numbers'),
          expires_at = now() + ${claim.leaseMs} * interval '1 millisecond', attempts = o.attempts + 1
      FROM next WHERE o.organization_id = ${organizationId} AND o.document_uuid = next.document_uuid
      RETURNING o.*)
    SELECT t.document_uuid, t.patient_uuid, t.task, t.former_patients, t.attempts, t.delays, t.lease, t.change, d.sha256,
           d."sizeBytes" AS size, d."originalName" AS name, d."mimeType" AS type
    FROM taken AS t LEFT JOIN silknote_documents AS d
      ON d."organizationId" = ${organizationId} AND d."silknoteDocumentUuid" = t.document_uuid AND d."deletedAt" IS NULL`.execute(
    trx,
  );
  return rows.map((row) => ({
    organizationId,
    documentUuid: row.document_uuid,
    patientUuid: row.patient_uuid,
    kind: row.task,
    formerPatients: row.former_patients,
    attempts: row.attempts,
    delays: row.delays,
    lease: row.lease,
    change: row.change,
    document:
      row.sha256 === null
        ? null
        : { sha256: row.sha256, sizeBytes: Number(row.size), originalName: row.name ?? '', mimeType: row.type },
  }));
}

/** Nothing else of the outbox is named by a task. */
function ofTask(task: DocumentTask) {
  return sql`organization_id = ${task.organizationId} AND document_uuid = ${task.documentUuid}
    AND lease = ${task.lease}::bigint`;
}

/** Documents of the same content are what their content has become, too. */
async function askForOthers(trx: Trx, { organizationId, documentUuid }: DocumentTask, sha256: string): Promise<void> {
  const { rows } = await sql<{ documentUuid: string }>`
    SELECT "silknoteDocumentUuid" AS "documentUuid" FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND sha256 = ${sha256} AND "deletedAt" IS NULL
      AND "silknoteDocumentUuid" <> ${documentUuid}`.execute(trx);
  await askForDocuments(trx, organizationId, 'process', rows);
}

/** The record of the task's document, with the content that the task is about. */
function ofRecord(task: DocumentTask) {
  return sql`"organizationId" = ${task.organizationId} AND "silknoteDocumentUuid" = ${task.documentUuid}
    AND "deletedAt" IS NULL AND sha256 = ${task.document?.sha256 ?? null}`;
}

/** Last in a transaction, as whoever changes a document asks for work last. */
async function holdTask(trx: Trx, task: DocumentTask): Promise<void> {
  const { rows } = await sql`SELECT 1 FROM document_outbox WHERE ${ofTask(task)} FOR UPDATE`.execute(trx);
  if (rows.length === 0) throw new SyncError('lease_lost');
}

/** @returns whether the document still has the content that the task is about */
async function showStage(trx: Trx, task: DocumentTask, stage: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    UPDATE silknote_documents SET status = 'processing', stage = ${stage}, "errorCode" = NULL
    WHERE ${ofRecord(task)}`.execute(trx);
  return numAffectedRows === 1n;
}

async function backToQueue(trx: Trx, task: DocumentTask): Promise<void> {
  await sql`
    UPDATE silknote_documents SET status = 'queued', stage = NULL WHERE ${ofRecord(task)}`.execute(trx);
}

async function endTask(trx: Trx, task: DocumentTask, end: TaskEnd): Promise<void> {
  const unchanged = sql<boolean>`EXISTS (
    SELECT 1 FROM document_outbox WHERE ${ofTask(task)} AND change = ${task.change}::bigint)`;
  if (end.status === 'gone') {
    await sql`
      UPDATE silknote_documents SET "goneAt" = now(), stage = NULL
      WHERE "organizationId" = ${task.organizationId} AND "silknoteDocumentUuid" = ${task.documentUuid}
        AND "deletedAt" IS NOT NULL AND ${unchanged}`.execute(trx);
  } else {
    await sql`
      UPDATE silknote_documents
      SET status = ${end.status}, stage = NULL, "errorCode" = ${end.status === 'error' ? end.code : null},
          "processedAt" = now(), "pageCount" = coalesce("pageCount", ${ofRendition('page_count')}),
          "documentDate" = coalesce("documentDate", ${ofRendition('document_date')})
      WHERE ${ofRecord(task)} AND ${unchanged}`.execute(trx);
  }
  const { numAffectedRows } = await sql`
    DELETE FROM document_outbox WHERE ${ofTask(task)} AND change = ${task.change}::bigint`.execute(trx);
  if (numAffectedRows === 1n) return;
  // The document has changed meanwhile. What is left of its former contents stays written down for the next time.
  const { numAffectedRows: again } = await sql`
    UPDATE document_outbox SET state = 'waiting', worker_id = NULL, lease = NULL, expires_at = NULL, attempts = 0
    WHERE ${ofTask(task)}`.execute(trx);
  assertHeld(again);
}

/** For a document of whom nobody has said it. */
function ofRendition(column: 'page_count' | 'document_date') {
  return sql`(
    SELECT ${sql.ref(column)} FROM document_renditions AS r
    WHERE r.organization_id = silknote_documents."organizationId" AND r.sha256 = silknote_documents.sha256)`;
}

/** What was written before it is undone: another process may be done with the document already. */
function assertHeld(numAffectedRows: bigint | undefined): void {
  if (numAffectedRows !== 1n) throw new SyncError('lease_lost');
}
