import { createClinicRecords } from '../../src/stores/postgres/clinic-records.ts';
import { openDatabase } from '../../src/stores/postgres/database.ts';
import { describeClinicRecords } from '../contract/clinic-records.ts';
import { postgresStores } from '../support/postgres-stores.ts';

describeClinicRecords('postgres', async () => {
  const stores = await postgresStores();
  const worker = await stores.worker();
  const database = openDatabase({ url: stores.url, poolSize: 3 });
  const start = (key: { organizationId: string; connectionId: string }) =>
    worker.runs.start({ ...key, mode: 'incremental', trigger: 'manual' });
  return {
    records: createClinicRecords(database),
    async begin(organizationId) {
      const key = { organizationId, connectionId: 'cliniko' };
      await stores.putConnection(key);
      return start(key);
    },
    async overtake(fence) {
      await stores.expireLease(fence);
      return start(fence);
    },
    async activity({ organizationId }, patient) {
      const { rows } = await database.pool.query(
        `SELECT is_active AS active, total_appointment_count AS total, next_appointment_time AS next
         FROM patients WHERE organization_id = $1 AND cliniko_patient_id = $2`,
        [organizationId, patient],
      );
      const [row] = rows;
      return { active: row.active, total: row.total, next: row.next?.toISOString() ?? null };
    },
    async changedAt({ organizationId }, list, reference) {
      const column = list === 'patients' ? 'cliniko_patient_id' : 'cliniko_appointment_id';
      const { rows } = await database.pool.query(
        `SELECT updated_at AS at FROM ${list} WHERE organization_id = $1 AND ${column} = $2`,
        [organizationId, reference],
      );
      return rows[0].at.getTime();
    },
    async nextType({ organizationId }, patient) {
      const { rows } = await database.pool.query(
        'SELECT next_appointment_type AS name FROM patients WHERE organization_id = $1 AND cliniko_patient_id = $2',
        [organizationId, patient],
      );
      return rows[0].name;
    },
    async close() {
      await database.close();
      await stores.close();
    },
  };
});
