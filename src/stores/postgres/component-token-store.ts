/** `ComponentTokenStore` on PostgreSQL. */
import { isScope } from '../../domain/scopes.ts';
import type { ComponentTokenStore } from '../../ports/component-token-store.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';

export function createComponentTokenStore(database: Database): ComponentTokenStore {
  const { kysely } = database;
  return {
    create: (token, audit) =>
      database.transaction(async (trx) => {
        await trx
          .insertInto('component_tokens')
          .values({
            id: token.id,
            hash: token.hash,
            organization_id: token.organizationId,
            patient_uuid: token.patientUuid,
            key_id: token.keyId,
            scopes: [...token.scopes],
            expires_at: new Date(token.expiresAt),
          })
          .execute();
        await appendAudit(trx, [audit]);
      }),
    async find(id) {
      const row = await ask(kysely.selectFrom('component_tokens').selectAll().where('id', '=', id).executeTakeFirst());
      if (row === undefined) return null;
      return {
        id: row.id,
        hash: row.hash,
        organizationId: row.organization_id,
        patientUuid: row.patient_uuid,
        keyId: row.key_id,
        scopes: row.scopes.filter(isScope),
        expiresAt: row.expires_at.getTime(),
      };
    },
    async purge(endedBefore) {
      await ask(kysely.deleteFrom('component_tokens').where('expires_at', '<', new Date(endedBefore)).execute());
    },
  };
}
