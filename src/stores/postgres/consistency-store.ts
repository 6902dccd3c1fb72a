/** `ConsistencyStore` on PostgreSQL. */
import { type RawBuilder, sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { ConsistencyReport, ConsistencyStore, FoundDifference, OpenCheck } from '../../ports/consistency-store.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

/** Checks whose differences are kept. */
const KEPT = 30;
/** A statement has room for 65,535 values. */
const INSERTED_AT_ONCE = 5000;

export function createConsistencyStore(database: Database): ConsistencyStore {
  const db = database.kysely;
  async function ask<T>(query: RawBuilder<T>): Promise<T[]> {
    try {
      return (await query.execute(db)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  }

  return {
    begin: (organizationId, holder, leaseMs) =>
      database.transaction(async (trx) => {
        await sql`
          INSERT INTO consistency_checks (organization_id) VALUES (${organizationId})
          ON CONFLICT (organization_id) WHERE finished_at IS NULL DO NOTHING`.execute(trx);
        const { rows } = await sql<{ id: string; after: string }>`
          UPDATE consistency_checks
          SET holder = ${holder}, held_until = now() + ${leaseMs} * interval '1 millisecond'
          WHERE organization_id = ${organizationId} AND finished_at IS NULL
            AND (holder IS NULL OR holder = ${holder} OR held_until < now())
          RETURNING id, after_patient AS after`.execute(trx);
        const [row] = rows;
        return row === undefined ? null : { organizationId, id: row.id, holder, afterPatient: row.after };
      }),

    async patients(organizationId, after, limit) {
      const rows = await ask(sql<{ patient: string }>`
        SELECT "silknotePatientUuid" AS patient FROM silknote_patient_filesets AS f
        WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" COLLATE "C" > ${after}
          -- Of those who are only known there is nothing to compare, and they can be everybody of a clinic.
          AND EXISTS (SELECT 1 FROM silknote_documents AS d
                      WHERE d."organizationId" = f."organizationId" AND d."patientUuid" = f."silknotePatientUuid")
        ORDER BY "silknotePatientUuid" COLLATE "C" LIMIT ${limit}`);
      return rows.map(({ patient }) => patient);
    },

    async known(organizationId, patientUuids) {
      const rows = await ask(sql<{ patient: string }>`
        SELECT "silknotePatientUuid" AS patient FROM silknote_patient_filesets AS f
        WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" = ANY (${[...patientUuids]}::text[])
          -- The others were not compared: what is there of them is a stranger's.
          AND EXISTS (SELECT 1 FROM silknote_documents AS d
                      WHERE d."organizationId" = f."organizationId" AND d."patientUuid" = f."silknotePatientUuid")`);
      return new Set(rows.map(({ patient }) => patient));
    },

    step: (check, { afterPatient, counts, differences, leaseMs }) =>
      database.transaction(async (trx) => {
        await hold(
          trx,
          check,
          sql`after_patient = ${afterPatient}, patients = patients + ${counts.patients},
              documents = documents + ${counts.documents}, sampled = sampled + ${counts.sampled},
              unknown = unknown + ${counts.unknown}, unlisted = unlisted + ${counts.unlisted},
              held_until = now() + ${leaseMs} * interval '1 millisecond'`,
        );
        for (let start = 0; start < differences.length; start += INSERTED_AT_ONCE)
          await trx
            .insertInto('consistency_differences')
            .values(
              differences.slice(start, start + INSERTED_AT_ONCE).map((difference) => ({
                organization_id: check.organizationId,
                check_id: check.id,
                store: difference.store,
                kind: difference.kind,
                message: difference.message,
                connection_id: difference.connectionId,
                unit: difference.unit,
                reference: difference.reference,
                document_uuid: difference.documentUuid,
                sha256: difference.sha256,
                code: difference.code,
              })),
            )
            .execute();
      }),

    release: (check) =>
      database
        .transaction((trx) => hold(trx, check, sql`holder = NULL, held_until = NULL`))
        .catch((error) => {
          // Somebody else has it already.
          if (!(error instanceof SyncError) || error.code !== 'lease_lost') throw error;
        }),

    finish: (check) =>
      database.transaction(async (trx) => {
        await hold(trx, check, sql`finished_at = now(), holder = NULL, held_until = NULL`);
        await sql`
          DELETE FROM consistency_checks WHERE organization_id = ${check.organizationId} AND id NOT IN (
            SELECT id FROM consistency_checks WHERE organization_id = ${check.organizationId}
            ORDER BY id DESC LIMIT ${KEPT})`.execute(trx);
      }),

    async reports(organizationId, limit) {
      const rows = await ask(sql<ConsistencyReport & { started: Date; finished: Date | null }>`
        SELECT c.id, c.started_at AS started, c.finished_at AS finished, c.patients, c.documents, c.sampled, c.unknown, c.unlisted,
               coalesce((SELECT json_agg(json_build_object('store', t.store, 'kind', t.kind, 'count', t.n)
                                         ORDER BY t.store, t.kind)
                         FROM (SELECT store, kind, count(*)::int AS n FROM consistency_differences
                               WHERE organization_id = c.organization_id AND check_id = c.id
                               GROUP BY store, kind) AS t), '[]') AS totals
        FROM consistency_checks AS c WHERE c.organization_id = ${organizationId} ORDER BY c.id DESC LIMIT ${limit}`);
      return rows.map(({ started, finished, ...row }) => ({
        ...row,
        startedAt: started.toISOString(),
        finishedAt: finished?.toISOString() ?? null,
      }));
    },

    differences: (organizationId, checkId, { after, limit }) =>
      ask(sql<FoundDifference & { id: string }>`
        SELECT id, store, kind, message, connection_id AS "connectionId", unit, reference,
               document_uuid AS "documentUuid", sha256, code
        FROM consistency_differences
        WHERE organization_id = ${organizationId} AND check_id = ${checkId}::bigint AND id > ${after}::bigint
        ORDER BY id LIMIT ${limit}`),
  };
}

async function hold(trx: Transaction<Tables>, check: OpenCheck, set: RawBuilder<unknown>): Promise<void> {
  const { numAffectedRows } = await sql`
    UPDATE consistency_checks SET ${set}
    WHERE organization_id = ${check.organizationId} AND id = ${check.id}::bigint AND holder = ${check.holder}
      AND finished_at IS NULL`.execute(trx);
  if (numAffectedRows !== 1n) throw new SyncError('lease_lost');
}
