/** `GroupWork` on PostgreSQL. */
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { GroupTask, GroupWork } from '../../ports/document-groups.ts';
import { announceBlobs, countReferences } from './blob-references.ts';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface GroupWorkOptions {
  readonly database: Database;
  /** Lock of this process, see `worker-presence.ts`. */
  readonly workerId: string;
  /** Longer than the longest making of one PDF. */
  readonly leaseMs?: number;
}

export function createGroupWork({ database, workerId, leaseMs = 900_000 }: GroupWorkOptions): GroupWork {
  return {
    claim: () =>
      database.transaction(async (trx) => {
        const { rows } = await sql<Omit<GroupTask, 'parts'>>`
          UPDATE document_groups AS g
          SET worker_id = ${workerId}::bigint, lease = nextval('document_outbox_numbers'),
              expires_at = now() + ${leaseMs} * interval '1 millisecond', attempts = g.attempts + 1
          WHERE (g.organization_id, g.id) = (
            SELECT o.organization_id, o.id FROM document_groups AS o
            WHERE o.merged_change IS DISTINCT FROM o.change AND o.next_try_at <= now()
              AND (o.lease IS NULL OR o.expires_at < now() OR NOT EXISTS (
                SELECT 1 FROM pg_locks AS k WHERE k.locktype = 'advisory' AND k.objsubid = 1 AND k.granted
                  AND k.mode = 'ExclusiveLock' AND (k.classid::bigint << 32 | k.objid::bigint) = o.worker_id))
              -- The end of the work on a document is a change of the group.
              AND NOT EXISTS (
                SELECT 1 FROM document_group_members AS m
                JOIN silknote_documents AS d
                  ON d."organizationId" = m.organization_id AND d."silknoteDocumentUuid" = m.document_uuid
                WHERE m.organization_id = o.organization_id AND m.group_id = o.id AND d."deletedAt" IS NULL
                  AND d.status NOT IN ('complete', 'error'))
            ORDER BY o.next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
          RETURNING g.organization_id AS "organizationId", g.id, g.change, g.lease, g.attempts`.execute(trx);
        const [task] = rows;
        return task === undefined ? null : { ...task, parts: await partsOf(trx, task) };
      }),

    announce: (task, pdf) =>
      database.transaction(async (trx) => {
        const announced = await announceBlobs(trx, task.organizationId, [pdf]);
        return announced.get(pdf.sha256) ?? 'wanted';
      }),

    finish: (task, { pdf, pageCount, firstPages }) =>
      database.transaction(async (trx) => {
        const former = await holdTask(trx, task);
        if (former.changed) return release(trx, task);
        await trx
          .updateTable('document_groups')
          .set({
            merged_change: task.change,
            pdf_sha256: pdf.sha256,
            pdf_size: pdf.size,
            page_count: pageCount,
            code: null,
            worker_id: null,
            lease: null,
            expires_at: null,
          })
          .where('organization_id', '=', task.organizationId)
          .where('id', '=', task.id)
          .execute();
        await sql`
          UPDATE document_group_members AS m SET first_page = p.page
          FROM document_group_members AS a
          LEFT JOIN unnest(${[...firstPages.keys()]}::text[], ${[...firstPages.values()]}::int[]) AS p (uuid, page)
            ON p.uuid = a.document_uuid
          WHERE a.organization_id = ${task.organizationId} AND a.group_id = ${task.id}
            AND m.organization_id = a.organization_id AND m.document_uuid = a.document_uuid`.execute(trx);
        await countPdfs(trx, task, former.sha256, pdf.sha256);
      }),

    refuse: (task, code) =>
      database.transaction(async (trx) => {
        const former = await holdTask(trx, task);
        if (former.changed) return release(trx, task);
        await trx
          .updateTable('document_groups')
          .set({
            merged_change: task.change,
            pdf_sha256: null,
            pdf_size: null,
            page_count: null,
            code,
            worker_id: null,
            lease: null,
            expires_at: null,
          })
          .where('organization_id', '=', task.organizationId)
          .where('id', '=', task.id)
          .execute();
        await countPdfs(trx, task, former.sha256, null);
      }),

    tryAgain: (task, { afterMs, counts }) =>
      database.transaction(async (trx) => {
        await sql`
          UPDATE document_groups
          SET worker_id = NULL, lease = NULL, expires_at = NULL,
              attempts = CASE WHEN change <> ${task.change}::bigint THEN 0
                              WHEN ${counts} THEN ${task.attempts}::int ELSE ${task.attempts - 1}::int END,
              next_try_at = CASE WHEN change <> ${task.change}::bigint THEN now()
                                 ELSE now() + ${afterMs} * interval '1 millisecond' END
          WHERE ${ofTask(task)}`.execute(trx);
      }),
  };
}

async function partsOf(trx: Trx, task: Pick<GroupTask, 'organizationId' | 'id'>): Promise<GroupTask['parts']> {
  const { rows } = await sql<{ documentUuid: string; sha256: string }>`
    SELECT m.document_uuid AS "documentUuid", coalesce(r.pdf_sha256, d.sha256) AS sha256
    FROM document_group_members AS m
    JOIN silknote_documents AS d
      ON d."organizationId" = m.organization_id AND d."silknoteDocumentUuid" = m.document_uuid
    JOIN document_renditions AS r ON r.organization_id = d."organizationId" AND r.sha256 = d.sha256
    WHERE m.organization_id = ${task.organizationId} AND m.group_id = ${task.id} AND d."deletedAt" IS NULL
      AND r.verdict = 'processed'
    ORDER BY m.position`.execute(trx);
  return rows;
}

function ofTask(task: GroupTask) {
  return sql`organization_id = ${task.organizationId} AND id = ${task.id} AND lease = ${task.lease}::bigint`;
}

/** @throws SyncError `lease_lost`, also when the group is gone */
async function holdTask(
  trx: Trx,
  task: GroupTask,
): Promise<{ readonly changed: boolean; readonly sha256: string | null }> {
  const { rows } = await sql<{ change: string; sha256: string | null }>`
    SELECT change, pdf_sha256 AS sha256 FROM document_groups WHERE ${ofTask(task)} FOR UPDATE`.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new SyncError('lease_lost');
  return { changed: row.change !== task.change, sha256: row.sha256 };
}

async function release(trx: Trx, task: GroupTask): Promise<void> {
  await sql`
    UPDATE document_groups SET worker_id = NULL, lease = NULL, expires_at = NULL, attempts = 0, next_try_at = now()
    WHERE ${ofTask(task)}`.execute(trx);
}

async function countPdfs(trx: Trx, task: GroupTask, before: string | null, after: string | null): Promise<void> {
  const deltas = new Map<string, number>();
  if (after !== null) deltas.set(after, 1);
  if (before !== null) deltas.set(before, (deltas.get(before) ?? 0) - 1);
  await countReferences(trx, task.organizationId, deltas, new Set(after === null ? [] : [after]));
}
