/** `SealedSessionStore` and `RefusalStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { SealedCredentials } from '../../ports/credential-store.ts';
import type { RefusalStore, SealedSessionStore, StoredRefusal } from '../../ports/portal-sessions.ts';
import type { Database } from './database.ts';
import { msOf } from './slot-loads.ts';

export function createSealedSessionStore(database: Database): SealedSessionStore {
  return {
    get: (key, idleMs) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<Pick<SealedCredentials, 'keyId' | 'nonce' | 'ciphertext'>>`
          SELECT key_id AS "keyId", nonce, ciphertext FROM portal_sessions
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}
            AND used_at > now() - ${idleMs} * interval '1 millisecond'`.execute(trx);
        const [row] = rows;
        return row === undefined
          ? null
          : { organizationId: key.organizationId, connectionId: key.connectionId, ...row };
      }),
    put: (sealed) =>
      database.transaction(async (trx) => {
        await sql`
          INSERT INTO portal_sessions (organization_id, connection_id, key_id, nonce, ciphertext)
          -- Of a connection that has never been applied there is none to keep.
          SELECT c.organization_id, c.id, ${sealed.keyId}, ${sealed.nonce}, ${sealed.ciphertext} FROM connections AS c
          WHERE c.organization_id = ${sealed.organizationId} AND c.id = ${sealed.connectionId}
          ON CONFLICT (organization_id, connection_id) DO UPDATE
            SET key_id = excluded.key_id, nonce = excluded.nonce, ciphertext = excluded.ciphertext, used_at = now()`.execute(
          trx,
        );
      }),
    touch: (key) =>
      database.transaction(async (trx) => {
        await sql`
          UPDATE portal_sessions SET used_at = now()
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}`.execute(trx);
      }),
    remove: (key) =>
      database.transaction(async (trx) => {
        await sql`
          DELETE FROM portal_sessions
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}`.execute(trx);
      }),
  };
}

/** The connection's being resumed forgets a refusal: see `run-queue.ts`. */
export function createRefusalStore(database: Database): RefusalStore {
  return {
    get: (key) =>
      database.transaction(async (trx) => {
        const { rows } = await sql<StoredRefusal>`
          SELECT salt, digest, code, ${msOf(sql`refused_at`)} AS at FROM portal_refusals
          WHERE organization_id = ${key.organizationId} AND connection_id = ${key.connectionId}`.execute(trx);
        return rows[0] ?? null;
      }),
    put: (key, { salt, digest, code }) =>
      database.transaction(async (trx) => {
        await sql`
          INSERT INTO portal_refusals (organization_id, connection_id, salt, digest, code)
          SELECT c.organization_id, c.id, ${salt}, ${digest}, ${code} FROM connections AS c
          WHERE c.organization_id = ${key.organizationId} AND c.id = ${key.connectionId}
          ON CONFLICT (organization_id, connection_id) DO UPDATE
            SET salt = excluded.salt, digest = excluded.digest, code = excluded.code, refused_at = now()`.execute(trx);
      }),
  };
}
