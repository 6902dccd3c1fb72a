/** `ConnectionSettingsStore` on PostgreSQL. */
import type { ChosenSettings, ConnectionSettingsStore } from '../../ports/connection-settings.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

export function createConnectionSettingsStore(database: Database): ConnectionSettingsStore {
  return {
    async all() {
      try {
        const rows = await database.kysely.selectFrom('connection_settings').selectAll().execute();
        return rows.map((row) => ({
          organizationId: row.organization_id,
          connectionId: row.connection_id,
          version: Number(row.version),
          chosen: row.chosen as ChosenSettings,
        }));
      } catch (error) {
        throw databaseError(error);
      }
    },
    put: ({ organizationId, connectionId }, { from, chosen, effective }, audit) =>
      database.transaction(async (trx) => {
        const values = { chosen: JSON.stringify(chosen), version: from + 1 };
        const written =
          from === 0
            ? await trx
                .insertInto('connection_settings')
                .values({ organization_id: organizationId, connection_id: connectionId, ...values })
                .onConflict((conflict) => conflict.doNothing())
                .executeTakeFirst()
            : await trx
                .updateTable('connection_settings')
                .set(values)
                .where('organization_id', '=', organizationId)
                .where('connection_id', '=', connectionId)
                .where('version', '=', String(from))
                .executeTakeFirst();
        const count = 'numUpdatedRows' in written ? written.numUpdatedRows : (written.numInsertedOrUpdatedRows ?? 0n);
        if (count === 0n) return false;
        // What the registry tells of the connection.
        await trx
          .updateTable('connections')
          .set({ settings: JSON.stringify(effective), updated_at: new Date() })
          .where('organization_id', '=', organizationId)
          .where('id', '=', connectionId)
          .execute();
        await appendAudit(trx, [audit]);
        return true;
      }),
  };
}
