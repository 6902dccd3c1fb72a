/** `SessionStore` on PostgreSQL. */
import { sql } from 'kysely';
import type { SessionStore } from '../../ports/session-store.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';

export function createSessionStore(database: Database): SessionStore {
  const { kysely } = database;
  const guarded = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => {
      throw databaseError(error);
    });
  return {
    begin: ({ hash, key }, audit) =>
      database.transaction(async (trx) => {
        const row = await trx
          .insertInto('web_sessions')
          .values({ hash, key_id: 'id' in key ? key.id : null, key_proof: 'proof' in key ? key.proof : null })
          .returning('created_at')
          .executeTakeFirstOrThrow();
        await appendAudit(trx, [audit]);
        return row.created_at.getTime();
      }),
    async find(hash) {
      const row = await guarded(
        kysely.selectFrom('web_sessions').selectAll().where('hash', '=', hash).executeTakeFirst(),
      );
      if (row === undefined) return null;
      return {
        hash,
        key: row.key_id === null ? { proof: row.key_proof ?? '' } : { id: row.key_id },
        createdAt: row.created_at.getTime(),
        usedAt: row.used_at.getTime(),
      };
    },
    async touch(hash) {
      await guarded(
        kysely.updateTable('web_sessions').set({ used_at: sql<Date>`now()` }).where('hash', '=', hash).execute(),
      );
    },
    end: (hash, audit) =>
      database.transaction(async (trx) => {
        const { numDeletedRows } = await trx.deleteFrom('web_sessions').where('hash', '=', hash).executeTakeFirst();
        if (numDeletedRows === 0n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),
    async purge(createdBefore, usedBefore) {
      await guarded(
        kysely
          .deleteFrom('web_sessions')
          .where((eb) =>
            eb.or([eb('created_at', '<', new Date(createdBefore)), eb('used_at', '<', new Date(usedBefore))]),
          )
          .execute(),
      );
    },
  };
}
