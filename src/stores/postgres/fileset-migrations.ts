/** `FilesetMigrations` on PostgreSQL. */
import { randomUUID } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { FilesetMigrations, Migration, MigrationRequest } from '../../ports/fileset-migrations.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { lockFilesets, type Move, performMove, planMove } from './move-documents.ts';
import type { Tables } from './tables.ts';

export function createFilesetMigrations(database: Database): FilesetMigrations {
  const moveOf = (request: MigrationRequest): Move => ({ ...request, tombstones: false });
  return {
    plan: (request) =>
      database.transaction(async (trx) =>
        (await lockFilesets(trx, moveOf(request))) ? planMove(trx, moveOf(request)) : null,
      ),

    apply: (request, by, audit) =>
      database.transaction(async (trx) => {
        const move = moveOf(request);
        if (!(await lockFilesets(trx, move))) return null;
        const result = await planMove(trx, move);
        await performMove(trx, move, result);
        const { organizationId, from, to } = request;
        const moved = result.documentUuids.length;
        const id = moved === 0 ? null : `migration_${randomUUID()}`;
        if (id !== null) {
          await trx
            .insertInto('fileset_migrations')
            .values({
              organization_id: organizationId,
              id,
              from_patient: from,
              to_patient: to,
              documents: moved,
              applied_by: by,
            })
            .execute();
          await sql`
            INSERT INTO fileset_migration_items (organization_id, migration_id, document_uuid)
            SELECT ${organizationId}, ${id}, unnest(${[...result.documentUuids]}::text[])`.execute(trx);
        }
        await appendAudit(trx, [audit(result, id)]);
        return { ...result, id };
      }),

    undo: (organizationId, id, patientUuid, by, audit) =>
      database.transaction(async (trx) => {
        const row = await trx
          .selectFrom('fileset_migrations')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst();
        const isOf = patientUuid === null || row?.from_patient === patientUuid || row?.to_patient === patientUuid;
        if (row === undefined || !isOf) return 'unknown';
        if (row.undone_at !== null) return 'undone';
        const items = await trx
          .selectFrom('fileset_migration_items')
          .select('document_uuid')
          .where('organization_id', '=', organizationId)
          .where('migration_id', '=', id)
          .execute();
        const move: Move = {
          organizationId,
          from: row.to_patient,
          to: row.from_patient,
          documentUuids: items.map((item) => item.document_uuid),
          tombstones: true,
        };
        if (!(await lockFilesets(trx, move))) return 'unknown';
        const result = await planMove(trx, move);
        await performMove(trx, move, result);
        const undone = await trx
          .updateTable('fileset_migrations')
          .set({ undone_at: sql<Date>`now()`, undone_by: by })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow();
        await appendAudit(trx, [audit(result)]);
        return { ...result, migration: migrationOf(undone) };
      }),

    async list(organizationId, patientUuid) {
      try {
        const rows = await database.kysely
          .selectFrom('fileset_migrations')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where((eb) => eb.or([eb('from_patient', '=', patientUuid), eb('to_patient', '=', patientUuid)]))
          .orderBy('applied_at', 'desc')
          .orderBy('id')
          .limit(1000)
          .execute();
        return rows.map(migrationOf);
      } catch (error) {
        throw databaseError(error);
      }
    },

    async formerIds(organizationId, patientUuid) {
      try {
        const { rows } = await sql<{ id: string }>`
          WITH RECURSIVE former (id) AS (
            SELECT ${patientUuid}::text
            UNION
            SELECT m.from_patient::text FROM fileset_migrations AS m JOIN former AS f ON m.to_patient = f.id
            WHERE m.organization_id = ${organizationId} AND m.undone_at IS NULL)
          SELECT id FROM former WHERE id <> ${patientUuid} ORDER BY id`.execute(database.kysely);
        return rows.map((row) => row.id);
      } catch (error) {
        throw databaseError(error);
      }
    },
  };
}

function migrationOf(row: Selectable<Tables['fileset_migrations']>): Migration {
  return {
    id: row.id,
    from: row.from_patient,
    to: row.to_patient,
    documents: row.documents,
    appliedAt: row.applied_at.toISOString(),
    appliedBy: row.applied_by,
    undoneAt: row.undone_at?.toISOString() ?? null,
    undoneBy: row.undone_by,
  };
}
