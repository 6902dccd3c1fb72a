/** Moves documents from one fileset to another within a transaction. */
import { sql, type Transaction } from 'kysely';
import { SyncError } from '../../domain/errors.ts';
import type { MigrationConflict, MigrationResult } from '../../ports/fileset-migrations.ts';
import { askForDocuments } from './document-asks.ts';
import { groupsOfLocked } from './document-groups.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export interface Move {
  readonly organizationId: string;
  readonly from: string;
  readonly to: string;
  /** Null: all live documents. */
  readonly documentUuids: readonly string[] | null;
  /** Removed ones as well: they come back, if they do, where they belong. */
  readonly tombstones: boolean;
}

interface Row {
  uuid: string;
  live: boolean;
  sha256: string | null;
  reference: string | null;
  client: string | null;
}

/** Locks both filesets, always in the same order. @returns whether both are there */
export async function lockFilesets(trx: Trx, { organizationId, from, to }: Move): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM silknote_patient_filesets
    WHERE "organizationId" = ${organizationId} AND "silknotePatientUuid" IN (${from}, ${to}) AND "deletedAt" IS NULL
    ORDER BY "silknotePatientUuid" FOR NO KEY UPDATE`.execute(trx);
  return rows.length === 2;
}

/** What would move. The documents are locked until the end of the transaction. */
export async function planMove(trx: Trx, move: Move): Promise<MigrationResult> {
  const { organizationId, from, to, documentUuids } = move;
  const { rows } = await sql<Row>`
    SELECT d."silknoteDocumentUuid" AS uuid, d."deletedAt" IS NULL AS live, d.sha256, d."vsrxReference" AS reference,
           d."clientFileId" AS client
    FROM silknote_documents AS d
    WHERE d."organizationId" = ${organizationId} AND d."patientUuid" = ${from}
      AND (d."deletedAt" IS NULL OR ${move.tombstones})
      AND (${documentUuids === null} OR d."silknoteDocumentUuid" = ANY (${documentUuids ?? []}::text[]))
    ORDER BY d."silknoteDocumentUuid" FOR UPDATE OF d`.execute(trx);
  const groups = await groupsOfLocked(
    trx,
    organizationId,
    rows.map((row) => row.uuid),
  );
  const { rows: there } = await sql<{ sha256: string | null; reference: string | null; client: string | null }>`
    SELECT sha256, "vsrxReference" AS reference, "clientFileId" AS client FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${to} AND "deletedAt" IS NULL`.execute(trx);
  const taken = {
    references: new Set(there.map((row) => row.reference)),
    clients: new Set(there.map((row) => row.client)),
    contents: new Set(there.map((row) => row.sha256)),
  };
  const conflicts = new Map<string, MigrationConflict>();
  for (const uuid of documentUuids ?? []) {
    if (!move.tombstones && !rows.some((row) => row.uuid === uuid)) conflicts.set(uuid, 'not_here');
  }
  for (const row of rows.filter(({ live }) => live)) {
    const sameReference = row.reference !== null && taken.references.has(row.reference);
    const sameClient = row.reference === null && row.client !== null && taken.clients.has(row.client);
    if (sameReference || sameClient) conflicts.set(row.uuid, 'same_reference');
  }
  // A group is of one patient: it moves whole, or its documents stay.
  const split = await splitGroups(trx, move, {
    groups,
    moving: rows.map((row) => row.uuid).filter((uuid) => !conflicts.has(uuid)),
  });
  for (const [uuid, group] of groups) if (split.has(group)) conflicts.set(uuid, 'grouped');
  const moving = rows.filter((row) => !conflicts.has(row.uuid));
  const live = moving.filter((row) => row.live);
  const before = { from: await countLive(trx, organizationId, from), to: there.length };
  return {
    documentUuids: moving.map((row) => row.uuid),
    conflicts: [...conflicts].map(([documentUuid, reason]) => ({ documentUuid, reason })),
    sameContent: live.filter((row) => row.sha256 !== null && taken.contents.has(row.sha256)).length,
    counts: {
      from: { before: before.from, after: before.from - live.length },
      to: { before: before.to, after: before.to + live.length },
    },
  };
}

/** Groups of which some documents would stay. Removed ones count: restored, they would be in the group of another patient. */
async function splitGroups(
  trx: Trx,
  { organizationId, from }: Move,
  { groups: groupOf, moving }: { readonly groups: ReadonlyMap<string, string>; readonly moving: readonly string[] },
): Promise<ReadonlySet<string>> {
  const groups = [...new Set(groupOf.values())];
  if (groups.length === 0) return new Set();
  const { rows: staying } = await sql<{ group: string }>`
    SELECT DISTINCT m.group_id AS group FROM document_group_members AS m
    JOIN silknote_documents AS d
      ON d."organizationId" = m.organization_id AND d."silknoteDocumentUuid" = m.document_uuid
    WHERE m.organization_id = ${organizationId} AND m.group_id = ANY (${groups}::text[])
      AND d."patientUuid" = ${from} AND d."silknoteDocumentUuid" <> ALL (${[...moving]}::text[])`.execute(trx);
  return new Set(staying.map((row) => row.group));
}

/** @throws SyncError `unexpected`, and nothing is moved, when the counts afterwards are not those of the plan; the transaction repeats it */
export async function performMove(trx: Trx, move: Move, plan: MigrationResult): Promise<void> {
  const { organizationId, from, to } = move;
  const { documentUuids } = plan;
  if (documentUuids.length === 0) return;
  const { rows } = await sql<{ uuid: string; live: boolean }>`
    UPDATE silknote_documents
    -- Whoever brought it lists it where it always did.
    SET "patientUuid" = ${to}, "sourceUnit" = nullif(unit, ${to}), "updatedAt" = now()
    WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${from}
      AND "silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])
    RETURNING "silknoteDocumentUuid" AS uuid, "deletedAt" IS NULL AS live`.execute(trx);
  await sql`
    UPDATE document_groups AS g SET patient_uuid = ${to}
    WHERE g.organization_id = ${organizationId} AND g.patient_uuid = ${from} AND g.id IN (
      SELECT m.group_id FROM document_group_members AS m
      WHERE m.organization_id = ${organizationId} AND m.document_uuid = ANY (${[...documentUuids]}::text[]))`.execute(
    trx,
  );
  const asks = (live: boolean) =>
    rows.filter((row) => row.live === live).map(({ uuid }) => ({ documentUuid: uuid, formerPatient: from }));
  await askForDocuments(trx, organizationId, 'index', asks(true));
  await askForDocuments(trx, organizationId, 'unindex', asks(false));
  const after = { from: await countLive(trx, organizationId, from), to: await countLive(trx, organizationId, to) };
  if (
    rows.length !== documentUuids.length ||
    after.from !== plan.counts.from.after ||
    after.to !== plan.counts.to.after
  ) {
    throw new SyncError('unexpected', {
      detail: 'The counts of documents after the move are not those of its plan.',
      // Somebody brought or removed a document meanwhile: the move is planned anew.
      cause: Object.assign(new Error('The filesets changed.'), { code: '40001' }),
    });
  }
}

async function countLive(trx: Trx, organizationId: string, patientUuid: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    SELECT count(*)::int AS n FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND "patientUuid" = ${patientUuid} AND "deletedAt" IS NULL`.execute(trx);
  return rows[0]?.n ?? 0;
}
