/** `KeyStore` on PostgreSQL. */
import { type Selectable, sql, type Transaction } from 'kysely';
import { isScope } from '../../domain/scopes.ts';
import type { ApiKey, KeyStore, NewApiKey } from '../../ports/key-store.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import type { Tables } from './tables.ts';

export function createKeyStore(database: Database): KeyStore {
  const { kysely } = database;
  return {
    async find(id) {
      const row = await ask(kysely.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst());
      return row === undefined ? null : { key: keyOf(row), hash: row.hash };
    },
    async list(organizationId) {
      const rows = await ask(
        kysely
          .selectFrom('api_keys')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .orderBy('created_at')
          .orderBy('id')
          .execute(),
      );
      return rows.map(keyOf);
    },
    create: (key, audit) =>
      database.transaction(async (trx) => {
        const created = await insert(trx, key);
        await appendAudit(trx, [audit]);
        return created;
      }),
    revoke: (organizationId, id, by, audit) =>
      database.transaction(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('api_keys')
          .set({ revoked_at: new Date(), revoked_by: by })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
    rotate: (id, successor, overlapUntil, audit) =>
      database.transaction(async (trx) => {
        const old = await trx
          .selectFrom('api_keys')
          .selectAll()
          .where('organization_id', '=', successor.organizationId)
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .where('rotated_to', 'is', null)
          .forUpdate()
          .executeTakeFirst();
        if (old === undefined || (old.expires_at !== null && old.expires_at.getTime() <= Date.now())) return null;
        const created = await insert(trx, successor);
        const ends = Math.min(overlapUntil, old.expires_at?.getTime() ?? overlapUntil);
        await trx
          .updateTable('api_keys')
          .set({ rotated_to: successor.id, expires_at: new Date(ends) })
          .where('id', '=', id)
          .execute();
        await appendAudit(trx, [audit]);
        return created;
      }),
    async touch(id) {
      await ask(
        kysely
          .updateTable('api_keys')
          .set({ last_used_at: sql<Date>`now()` })
          .where('id', '=', id)
          .where((eb) =>
            eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', sql<Date>`now() - interval '1 minute'`)]),
          )
          .execute(),
      );
    },
  };
}

async function insert(trx: Transaction<Tables>, key: NewApiKey): Promise<ApiKey> {
  const row = await trx
    .insertInto('api_keys')
    .values({
      id: key.id,
      organization_id: key.organizationId,
      name: key.name,
      hash: key.hash,
      scopes: [...key.scopes],
      created_by: key.createdBy,
      expires_at: key.expiresAt === null ? null : new Date(key.expiresAt),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return keyOf(row);
}

function keyOf(row: Selectable<Tables['api_keys']>): ApiKey {
  return {
    id: row.id,
    organizationId: row.organization_id,
    name: row.name,
    scopes: row.scopes.filter(isScope),
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    expiresAt: row.expires_at?.toISOString() ?? null,
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    rotatedTo: row.rotated_to,
  };
}
