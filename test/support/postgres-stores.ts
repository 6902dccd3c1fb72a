/** The PostgreSQL stores under the contract suites. */
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { createDocumentRecords } from '../../src/stores/postgres/document-records.ts';
import { createJobBoard } from '../../src/stores/postgres/job-board.ts';
import { createRunStore } from '../../src/stores/postgres/run-store.ts';
import { announceWorker } from '../../src/stores/postgres/worker-presence.ts';
import { systemRandom } from '../../src/stores/system-clock.ts';
import { testDatabase } from './postgres.ts';
import type { DocumentView, FilesetView, StoresUnderTest } from './stores.ts';
import { until } from './until.ts';

/** The server would end a deadlock after a second and hide it behind a repetition; here it hangs until the test fails. */
const NO_DEADLOCK_HELP = `options=${encodeURIComponent('-c deadlock_timeout=10min')}`;

export async function postgresStores(): Promise<StoresUnderTest & { readonly url: string }> {
  const testing = await testDatabase();
  const url = `${testing.url}?${NO_DEADLOCK_HELP}`;
  const admin = openDatabase({ url, poolSize: 2 });
  const closers: (() => Promise<void>)[] = [];
  const rows = async <Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> =>
    (await admin.pool.query<Row>(text, [...values])).rows;

  return {
    url,
    async worker() {
      const presence = await announceWorker({ url });
      const database = openDatabase({ url });
      closers.push(presence.close, database.close);
      return {
        records: createDocumentRecords(database),
        runs: createRunStore({
          database,
          board: createJobBoard(url),
          random: systemRandom,
          workerId: presence.workerId,
          leaseMs: 600_000,
        }),
        async die() {
          await presence.close();
          const held = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
                        AND (classid::bigint << 32 | objid::bigint) = $1::bigint`;
          await until(async () => (await rows(held, [presence.workerId])).length === 0);
        },
      };
    },
    async putConnection(key, state = 'active') {
      await rows(`INSERT INTO organizations (id, name) VALUES ($1, 'Sample clinic') ON CONFLICT DO NOTHING`, [
        key.organizationId,
      ]);
      await rows(
        `INSERT INTO connections (organization_id, id, connector, state) VALUES ($1, $2, 'vsrx', $3)
         ON CONFLICT (organization_id, id) DO UPDATE SET state = excluded.state`,
        [key.organizationId, key.connectionId, state],
      );
    },
    async expireLease(key) {
      await rows(
        `UPDATE connection_leases SET expires_at = now() - interval '1 second'
         WHERE organization_id = $1 AND connection_id = $2`,
        [key.organizationId, key.connectionId],
      );
    },
    async ageBlobs(organizationId) {
      await rows(`UPDATE blobs SET touched_at = 'epoch' WHERE organization_id = $1`, [organizationId]);
    },
    async fileset(organizationId, unit) {
      const found = await rows<FilesetView>(
        `SELECT "activatedUse" AS activated, "silknoteUserUuid" AS "userUuid", "patientName",
                "patientDob" AS "dateOfBirth", gender, "syncLog", errors
         FROM silknote_patient_filesets WHERE "organizationId" = $1 AND "silknotePatientUuid" = $2`,
        [organizationId, unit],
      );
      return found[0] ?? null;
    },
    async putFileset(organizationId, unit, fileset) {
      await rows(
        `INSERT INTO silknote_patient_filesets ("organizationId", "silknotePatientUuid") VALUES ($1, $2)
         ON CONFLICT DO NOTHING`,
        [organizationId, unit],
      );
      const columns = {
        activatedUse: fileset.activated,
        silknoteUserUuid: fileset.userUuid,
        patientName: fileset.patientName,
        patientDob: fileset.dateOfBirth,
        gender: fileset.gender,
        syncLog: fileset.syncLog,
        errors: fileset.errors === undefined ? undefined : JSON.stringify(fileset.errors),
      };
      for (const [column, value] of Object.entries(columns)) {
        if (value === undefined) continue;
        await rows(
          `UPDATE silknote_patient_filesets SET "${column}" = $3
           WHERE "organizationId" = $1 AND "silknotePatientUuid" = $2`,
          [organizationId, unit, value],
        );
      }
    },
    async document(documentUuid) {
      const found = await rows<DocumentView>(
        `SELECT "organizationId", "patientUuid" AS unit, "vsrxReference" AS reference, "originalName", title, "mimeType",
                sha256, (extract(epoch FROM "deletedAt") * 1000)::float8 AS "deletedAt", "deletedReason", "deletedByRun"
         FROM silknote_documents WHERE "silknoteDocumentUuid" = $1`,
        [documentUuid],
      );
      return found[0] ?? null;
    },
    unitResults: (runId) =>
      rows(`SELECT unit, outcome FROM sync_run_units WHERE run_id = $1 ORDER BY unit COLLATE "C"`, [runId]),
    async close() {
      for (const close of closers) await close();
      await admin.close();
      await testing.drop();
    },
  };
}
