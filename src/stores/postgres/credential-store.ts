/** `CredentialStore` on PostgreSQL. */
import { type Selectable, sql } from 'kysely';
import type { CredentialStore, StoredCredentials } from '../../ports/credential-store.ts';
import type { ConnectionKey } from '../../ports/document-records.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

export function createCredentialStore(database: Database): CredentialStore {
  const { kysely } = database;
  return {
    async get(key) {
      try {
        const row = await kysely
          .selectFrom('connection_credentials')
          .selectAll()
          .where('organization_id', '=', key.organizationId)
          .where('connection_id', '=', key.connectionId)
          .executeTakeFirst();
        return row === undefined ? null : storedOf(row);
      } catch (error) {
        throw databaseError(error);
      }
    },
    put: (sealed, by, audit) =>
      database.transaction(async (trx) => {
        const known = await trx
          .selectFrom('connections')
          .select('id')
          .where('organization_id', '=', sealed.organizationId)
          .where('id', '=', sealed.connectionId)
          .where('state', '<>', 'removed')
          .executeTakeFirst();
        if (known === undefined) return false;
        const values = {
          key_id: sealed.keyId,
          nonce: sealed.nonce,
          ciphertext: sealed.ciphertext,
          updated_at: new Date(),
          updated_by: by,
        };
        await trx
          .insertInto('connection_credentials')
          .values({ ...idOf(sealed), ...values })
          .onConflict((c) => c.columns(['organization_id', 'connection_id']).doUpdateSet(values))
          .execute();
        await appendAudit(trx, [audit]);
        return true;
      }),
    remove: (key, audit) =>
      database.transaction(async (trx) => {
        const { numDeletedRows } = await trx
          .deleteFrom('connection_credentials')
          .where('organization_id', '=', key.organizationId)
          .where('connection_id', '=', key.connectionId)
          .executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
    async sealedOtherwise(keyId, after, limit) {
      try {
        const rows = await kysely
          .selectFrom('connection_credentials')
          .selectAll()
          .where('key_id', '<>', keyId)
          .$if(after !== null, (q) =>
            q.where(
              sql<boolean>`(organization_id, connection_id) > (${after?.organizationId ?? ''}, ${after?.connectionId ?? ''})`,
            ),
          )
          .orderBy('organization_id')
          .orderBy('connection_id')
          .limit(limit)
          .execute();
        return rows.map(storedOf);
      } catch (error) {
        throw databaseError(error);
      }
    },
    replace: (old, sealed, audit) =>
      database.transaction(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('connection_credentials')
          .set({ key_id: sealed.keyId, nonce: sealed.nonce, ciphertext: sealed.ciphertext })
          .where('organization_id', '=', old.organizationId)
          .where('connection_id', '=', old.connectionId)
          .where('nonce', '=', old.nonce)
          .where('ciphertext', '=', old.ciphertext)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
  };
}

function idOf(key: ConnectionKey) {
  return { organization_id: key.organizationId, connection_id: key.connectionId };
}

function storedOf(row: Selectable<Tables['connection_credentials']>): StoredCredentials {
  return {
    organizationId: row.organization_id,
    connectionId: row.connection_id,
    keyId: row.key_id,
    nonce: row.nonce,
    ciphertext: row.ciphertext,
    updatedAt: row.updated_at.toISOString(),
    updatedBy: row.updated_by,
  };
}
