/** `FilesetOwners` on PostgreSQL. */
import { type Kysely, sql, type Transaction } from 'kysely';
import type { FilesetOwner, FilesetOwners } from '../../ports/fileset-owners.ts';
import { PATIENT_NAME_LENGTH, storedText } from '../stored-text.ts';
import { appendAudit } from './audit-log.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export function createFilesetOwners(database: Database): FilesetOwners {
  const db = database.kysely;
  const ask = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error) => {
      throw databaseError(error);
    });
  return {
    list: (organizationId, { limit, after }) => ask(owners(db, { organizationId, only: null, after, limit })),

    async find(organizationId, ownerUuid) {
      const [owner] = await ask(owners(db, { organizationId, only: ownerUuid, after: '', limit: 1 }));
      return owner ?? null;
    },

    create: ({ organizationId, ownerUuid, name }, audit) =>
      database.transaction(async (trx) => {
        const { numInsertedOrUpdatedRows } = await trx
          .insertInto('silknote_users')
          .values({ organizationId, silknoteUserUuid: ownerUuid, name: stored(name) })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows !== 1n) return false;
        await appendAudit(trx, [audit]);
        return true;
      }),

    rename: ({ organizationId, ownerUuid, name }, audit) =>
      database.transaction(async (trx) => {
        const [known] = await owners(trx, { organizationId, only: ownerUuid, after: '', limit: 1 });
        if (known === undefined) return false;
        await sql`
          INSERT INTO silknote_users AS u ("organizationId", "silknoteUserUuid", name)
          VALUES (${organizationId}, ${ownerUuid}, ${stored(name)})
          ON CONFLICT ("organizationId", "silknoteUserUuid") DO UPDATE SET name = excluded.name, "updatedAt" = now()
        `.execute(trx);
        await appendAudit(trx, [audit]);
        return true;
      }),

    remove: (organizationId, ownerUuid, audit) =>
      database.transaction(async (trx) => {
        const [known] = await owners(trx, { organizationId, only: ownerUuid, after: '', limit: 1 });
        if (known === undefined) return 'unknown';
        if (known.filesets > 0) return known.filesets;
        await trx
          .deleteFrom('silknote_users')
          .where('organizationId', '=', organizationId)
          .where('silknoteUserUuid', '=', ownerUuid)
          .execute();
        await appendAudit(trx, [audit]);
        return 'removed';
      }),
  };
}

function stored(name: string | null): string | null {
  return name === null ? null : storedText(name, PATIENT_NAME_LENGTH);
}

interface Wanted {
  readonly organizationId: string;
  /** Null: all. */
  readonly only: string | null;
  readonly after: string;
  readonly limit: number;
}

async function owners(db: Kysely<Tables> | Trx, wanted: Wanted): Promise<FilesetOwner[]> {
  const { organizationId, only, after, limit } = wanted;
  const { rows } = await sql<{
    uuid: string;
    name: string | null;
    filesets: number;
    created: Date | null;
    updated: Date | null;
  }>`
    WITH named AS (
      SELECT lower(btrim(o.uuid)) COLLATE "C" AS uuid, count(*)::int AS filesets
      FROM silknote_patient_filesets AS f
      CROSS JOIN LATERAL unnest(string_to_array(f."silknoteUserUuid", ',')) AS o (uuid)
      WHERE f."organizationId" = ${organizationId} AND f."deletedAt" IS NULL AND btrim(o.uuid) <> ''
        AND (${only}::text IS NULL OR f."silknoteUserUuid" ILIKE '%' || ${only} || '%')
      GROUP BY 1),
    written AS (
      SELECT "silknoteUserUuid" AS uuid, name, "createdAt", "updatedAt" FROM silknote_users
      WHERE "organizationId" = ${organizationId})
    SELECT coalesce(n.uuid, w.uuid) AS uuid, w.name, coalesce(n.filesets, 0) AS filesets,
           w."createdAt" AS created, w."updatedAt" AS updated
    FROM named AS n FULL JOIN written AS w ON w.uuid = n.uuid
    WHERE (${only}::text IS NULL OR coalesce(n.uuid, w.uuid) = ${only}) AND coalesce(n.uuid, w.uuid) > ${after}
    ORDER BY 1 LIMIT ${limit}`.execute(db);
  return rows.map(({ uuid, name, filesets, created, updated }) => ({
    ownerUuid: uuid,
    name,
    filesets,
    createdAt: created?.toISOString() ?? null,
    updatedAt: updated?.toISOString() ?? null,
  }));
}
