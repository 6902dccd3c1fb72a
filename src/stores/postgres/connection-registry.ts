/** `ConnectionRegistry` on PostgreSQL. */
import { isDeepStrictEqual } from 'node:util';
import type { ConnectionRegistry, RegistryChange } from '../../ports/connection-registry.ts';
import type { Database } from './database.ts';

export function createConnectionRegistry(database: Database): ConnectionRegistry {
  return {
    apply: (organizations, connections) =>
      database.transaction(async (trx) => {
        const changes: RegistryChange[] = [];
        const knownOrganizations = new Map(
          (await trx.selectFrom('organizations').selectAll().execute()).map((row) => [row.id, row]),
        );
        for (const { id, name, timeZone, maxConcurrentSyncs, maxQueuedSyncs } of organizations) {
          const before = knownOrganizations.get(id);
          const values = { name, time_zone: timeZone, max_running: maxConcurrentSyncs, max_queued: maxQueuedSyncs };
          if (before !== undefined && isDeepStrictEqual({ ...before, ...values }, before)) continue;
          await trx
            .insertInto('organizations')
            .values({ id, ...values })
            .onConflict((c) => c.column('id').doUpdateSet({ ...values, updated_at: new Date() }))
            .execute();
          changes.push({ organizationId: id, connectionId: null, change: before === undefined ? 'added' : 'changed' });
        }
        const rows = await trx.selectFrom('connections').selectAll().execute();
        const known = new Map(rows.map((row) => [`${row.organization_id}/${row.id}`, row]));
        for (const entry of connections) {
          const key = `${entry.organizationId}/${entry.connectionId}`;
          const before = known.get(key);
          known.delete(key);
          const settings = JSON.parse(JSON.stringify(entry.settings ?? {}));
          const schedule = entry.schedule === undefined ? null : JSON.parse(JSON.stringify(entry.schedule));
          const equal =
            before !== undefined &&
            before.state !== 'removed' &&
            before.connector === entry.connector &&
            isDeepStrictEqual(before.settings, settings) &&
            isDeepStrictEqual(before.schedule, schedule) &&
            before.pause_after_failures === entry.pauseAfterFailures;
          if (equal) continue;
          const values = {
            connector: entry.connector,
            settings: JSON.stringify(settings),
            schedule: schedule === null ? null : JSON.stringify(schedule),
            pause_after_failures: entry.pauseAfterFailures,
            updated_at: new Date(),
          };
          await trx
            .insertInto('connections')
            .values({ organization_id: entry.organizationId, id: entry.connectionId, ...values })
            .onConflict((c) =>
              c.columns(['organization_id', 'id']).doUpdateSet((eb) => ({
                ...values,
                // What a person paused stays paused.
                state: eb
                  .case()
                  .when('connections.state', '=', 'removed')
                  .then('active' as const)
                  .else(eb.ref('connections.state'))
                  .end(),
              })),
            )
            .execute();
          const change = before === undefined ? 'added' : before.state === 'removed' ? 'restored' : 'changed';
          changes.push({ organizationId: entry.organizationId, connectionId: entry.connectionId, change });
        }
        for (const row of known.values()) {
          if (row.state === 'removed') continue;
          await trx
            .updateTable('connections')
            .set({ state: 'removed', updated_at: new Date() })
            .where('organization_id', '=', row.organization_id)
            .where('id', '=', row.id)
            .execute();
          changes.push({ organizationId: row.organization_id, connectionId: row.id, change: 'removed' });
        }
        return changes;
      }),
  };
}
