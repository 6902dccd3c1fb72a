/** `Reports` on PostgreSQL. */
import { sql } from 'kysely';
import type { ConnectionStatus, Reports } from '../../ports/reports.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import { readFilesetErrors, readSyncLog } from './fileset-mirror.ts';
import { unitOf } from './unit-rows.ts';

/** A connection's record of a source knows everybody whom the source has; its filesets are those that it keeps in step. */
const whoseFilesetIsActivated = sql`
  JOIN silknote_patient_filesets AS a
    ON a."organizationId" = n.organization_id AND a."silknotePatientUuid" = n.unit AND a."activatedUse"`;

export function createReports(database: Database): Reports {
  const db = database.kysely;
  return {
    runSummary: (organizationId, runId) =>
      ask(async () => {
        const { rows } = await sql<{
          started: Date;
          finished: Date | null;
          filesets: string;
          appointments: string;
          added: string;
          removed: string;
          errors: string;
          partial: string;
          failed: string;
          unit: string | null;
        }>`
          SELECT r.started_at AS started, r.finished_at AS finished, r.unit,
                 (SELECT count(*) FROM connection_filesets AS n ${whoseFilesetIsActivated}
                  WHERE n.organization_id = r.organization_id AND n.connection_id = r.connection_id
                    AND (r.unit IS NULL OR n.unit = r.unit)) AS filesets,
                 coalesce(sum((u.counts ->> 'added')::int), 0) AS added,
                 coalesce(sum((u.counts ->> 'removed')::int), 0) AS removed,
                 coalesce(sum(jsonb_array_length(u.errors)), 0) AS errors,
                 count(*) FILTER (WHERE u.outcome = 'partial') AS partial,
                 count(*) FILTER (WHERE u.outcome = 'failed') AS failed
          FROM sync_runs AS r LEFT JOIN sync_run_units AS u ON u.run_id = r.id
          WHERE r.organization_id = ${organizationId} AND r.id = ${runId}
          GROUP BY r.id`.execute(db);
        const row = rows[0];
        if (row === undefined) return null;
        const partial = Number(row.partial);
        const failed = Number(row.failed);
        // A fileset whose files all failed has no record of its own yet.
        const total = Math.max(Number(row.filesets), partial + failed);
        return {
          startTime: row.started.toISOString(),
          endTime: row.finished?.toISOString() ?? null,
          duration: row.finished === null ? null : row.finished.getTime() - row.started.getTime(),
          totalFilesets: total,
          totalFilesAdded: Number(row.added),
          totalFilesDeleted: Number(row.removed),
          totalErrors: Number(row.errors),
          successfulSyncs: total - partial - failed,
          partialSyncs: partial,
          failedSyncs: failed,
        };
      }),

    runUnits: (organizationId, runId) =>
      ask(async () => {
        const rows = await db
          .selectFrom('sync_run_units')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('run_id', '=', runId)
          .orderBy('unit')
          .execute();
        return rows.map(unitOf);
      }),

    document: (organizationId, documentUuid) =>
      ask(async () => {
        const row = await db
          .selectFrom('silknote_documents')
          .selectAll()
          .where('organizationId', '=', organizationId)
          .where('silknoteDocumentUuid', '=', documentUuid)
          .where('deletedAt', 'is', null)
          .executeTakeFirst();
        if (row?.sha256 === undefined || row.sha256 === null) return null;
        return {
          organizationId,
          connectionId: row.connectionId ?? '',
          documentUuid: row.silknoteDocumentUuid,
          patientUuid: row.patientUuid,
          originalName: row.originalName,
          mimeType: row.mimeType,
          sizeBytes: Number(row.sizeBytes),
          sha256: row.sha256,
          updatedAt: row.updatedAt.toISOString(),
        };
      }),

    fileset: (organizationId, patientUuid) =>
      ask(async () => {
        const row = await db
          .selectFrom('silknote_patient_filesets')
          .select(['syncLog', 'errors', 'activatedUse', 'activatedUseTime'])
          .where('organizationId', '=', organizationId)
          .where('silknotePatientUuid', '=', patientUuid)
          .executeTakeFirst();
        if (row === undefined) return null;
        const connections = await db
          .selectFrom('connection_filesets')
          .select('connection_id')
          .where('organization_id', '=', organizationId)
          .where('unit', '=', patientUuid)
          .execute();
        const log = readSyncLog(row.syncLog);
        return {
          connectionIds: connections.map((c) => c.connection_id),
          activated: row.activatedUse,
          lastSyncAttempt: log.lastSyncAttempt,
          lastSuccessfulSync: log.lastSuccessfulSync,
          consecutiveFailures: readFilesetErrors(row.errors).consecutiveFailures,
        };
      }),

    connections: (organizationId) =>
      ask(async () => {
        const { rows } = await sql<{
          organization_id: string;
          id: string;
          connector: string;
          state: string;
          state_reason: string | null;
          documents: string;
          filesets: string;
          appointments: string;
          failures: string;
          held: string;
          last_success_at: Date | null;
          complete_read_at: Date | null;
          consecutive_failures: number;
          running: string | null;
        }>`
          SELECT c.organization_id, c.id, c.connector, c.state, c.state_reason, c.last_success_at, c.complete_read_at,
                 c.consecutive_failures,
                 (SELECT count(*) FROM silknote_documents AS d WHERE d."organizationId" = c.organization_id
                    AND d."connectionId" = c.id AND d."deletedAt" IS NULL) AS documents,
                 (SELECT count(*) FROM connection_filesets AS n ${whoseFilesetIsActivated}
                  WHERE n.organization_id = c.organization_id AND n.connection_id = c.id)
                 + (SELECT count(*) FROM patients AS p WHERE p.organization_id = c.organization_id
                    AND p.connection_id = c.id AND p.deleted_at IS NULL) AS filesets,
                 (SELECT count(*) FROM appointments AS a WHERE a.organization_id = c.organization_id
                    AND a.connection_id = c.id AND a.deleted_at IS NULL)
                 + (SELECT count(*) FROM schedule_appointments AS a JOIN clinic_schedule_config AS k
                      ON k.organization_id = a.organization_id AND k.clinic_id = a.clinic_id
                    WHERE k.organization_id = c.organization_id AND k.connection_id = c.id
                      AND a.deleted_at IS NULL) AS appointments,
                 (SELECT count(*) FROM sync_failures AS f WHERE f.organization_id = c.organization_id
                    AND f.connection_id = c.id AND f.state = 'waiting') AS failures,
                 (SELECT count(*) FROM held_items AS i JOIN held_sets AS s ON s.id = i.set_id
                  WHERE s.organization_id = c.organization_id AND s.connection_id = c.id AND s.state = 'pending') AS held,
                 (SELECT l.run_id FROM connection_leases AS l WHERE l.organization_id = c.organization_id
                    AND l.connection_id = c.id AND l.expires_at > now() AND EXISTS (
                      SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
                        AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = l.worker_id)) AS running
          FROM connections AS c
          WHERE c.state <> 'removed'
            AND (${organizationId ?? null}::text IS NULL OR c.organization_id = ${organizationId ?? null})
          ORDER BY c.organization_id, c.id`.execute(db);
        return rows.map(
          (row): ConnectionStatus => ({
            organizationId: row.organization_id,
            connectionId: row.id,
            connector: row.connector,
            state: row.state,
            stateReason: row.state_reason,
            documents: Number(row.documents),
            filesets: Number(row.filesets),
            appointments: Number(row.appointments),
            openFailures: Number(row.failures),
            heldItems: Number(row.held),
            lastSuccessAt: row.last_success_at?.toISOString() ?? null,
            lastCompleteReadAt: row.complete_read_at?.toISOString() ?? null,
            consecutiveFailures: row.consecutive_failures,
            runningRunId: row.running,
          }),
        );
      }),
  };
}
