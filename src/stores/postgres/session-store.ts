/** `SessionStore` on PostgreSQL. */
import { sql } from 'kysely';
import { isScope } from '../../domain/scopes.ts';
import type { SessionPerson, SessionStore } from '../../ports/session-store.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

export function createSessionStore(database: Database): SessionStore {
  const { kysely } = database;
  return {
    begin: ({ hash, key }, audit) =>
      database.transaction(async (trx) => {
        const row = await trx
          .insertInto('web_sessions')
          .values({
            hash,
            key_id: 'id' in key ? key.id : null,
            key_proof: 'proof' in key ? key.proof : null,
            person: 'person' in key ? JSON.stringify(key.person) : null,
          })
          .returning('created_at')
          .executeTakeFirstOrThrow();
        await appendAudit(trx, [audit]);
        return row.created_at.getTime();
      }),
    async find(hash) {
      const row = await ask(kysely.selectFrom('web_sessions').selectAll().where('hash', '=', hash).executeTakeFirst());
      if (row === undefined) return null;
      return {
        hash,
        key:
          row.person !== null
            ? { person: row.person as SessionPerson }
            : row.key_id === null
              ? { proof: row.key_proof ?? '' }
              : { id: row.key_id },
        createdAt: row.created_at.getTime(),
        usedAt: row.used_at.getTime(),
      };
    },
    async touch(hash) {
      await ask(
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
      await ask(
        kysely
          .deleteFrom('web_sessions')
          .where((eb) =>
            eb.or([eb('created_at', '<', new Date(createdBefore)), eb('used_at', '<', new Date(usedBefore))]),
          )
          .execute(),
      );
    },
    beginSignIn: ({ hash, provider, codeVerifier, nonce, next }, staleBefore) =>
      database.transaction(async (trx) => {
        await trx.deleteFrom('web_sign_ins').where('created_at', '<', new Date(staleBefore)).execute();
        await trx
          .insertInto('web_sign_ins')
          .values({ hash, provider, code_verifier: codeVerifier, nonce, next })
          .execute();
      }),
    async takeSignIn(hash, staleBefore) {
      const row = await ask(
        kysely.deleteFrom('web_sign_ins').where('hash', '=', hash).returningAll().executeTakeFirst(),
      );
      if (row === undefined || row.created_at.getTime() < staleBefore) return null;
      return { hash, provider: row.provider, codeVerifier: row.code_verifier, nonce: row.nonce, next: row.next };
    },
    async sawPerson({ issuer, subject, scopes }, organizationIds) {
      if (organizationIds.length === 0) return;
      await ask(
        kysely
          .insertInto('people')
          .values(organizationIds.map((id) => ({ organization_id: id, issuer, subject, scopes: [...scopes] })))
          .onConflict((conflict) =>
            conflict
              .columns(['organization_id', 'issuer', 'subject'])
              .doUpdateSet({ scopes: [...scopes], last_at: sql<Date>`now()` }),
          )
          .execute(),
      );
    },
    async people(organizationId) {
      const rows = await ask(
        kysely
          .selectFrom('people')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .orderBy('last_at', 'desc')
          .execute(),
      );
      return rows.map((row) => ({
        issuer: row.issuer,
        subject: row.subject,
        scopes: row.scopes.filter(isScope),
        firstAt: row.first_at.toISOString(),
        lastAt: row.last_at.toISOString(),
      }));
    },
  };
}
