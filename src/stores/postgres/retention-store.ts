/** `RetentionStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { RetentionStore } from '../../ports/retention-store.ts';
import type { Database } from './database.ts';

export function createRetentionStore(database: Database): RetentionStore {
  return {
    purgeRuns: (organizationId, before) =>
      database.transaction(async (trx) => {
        const result = await sql`
          DELETE FROM sync_runs AS r
          WHERE r.organization_id = ${organizationId} AND r.finished_at < ${new Date(before)}
            AND EXISTS (SELECT 1 FROM sync_runs AS newer WHERE newer.organization_id = r.organization_id
                        AND newer.connection_id = r.connection_id AND newer.mode = r.mode
                        AND newer.started_at > r.started_at)`.execute(trx);
        return Number(result.numAffectedRows ?? 0n);
      }),
    purgeTombstones: (organizationId, before) =>
      database.transaction(async (trx) => {
        const result = await sql`
          DELETE FROM silknote_documents AS d
          WHERE d."organizationId" = ${organizationId} AND d."deletedAt" < ${new Date(before)}
            -- Its tombstone names what the index has still to let go of.
            AND NOT EXISTS (SELECT 1 FROM document_outbox AS o WHERE o.organization_id = d."organizationId"
                            AND o.document_uuid = d."silknoteDocumentUuid")`.execute(trx);
        return Number(result.numAffectedRows ?? 0n);
      }),
  };
}
