/** `DocumentGroups` on PostgreSQL. */
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { AuditEntry } from '../../domain/audit-entry.ts';
import type {
  DocumentGroup,
  DocumentGroups,
  GroupMember,
  GroupProposal,
  NewGroup,
  ReorderOutcome,
} from '../../ports/document-groups.ts';
import { NAME_LENGTH, storedText } from '../stored-text.ts';
import { appendAudit } from './audit-log.ts';
import { countReferences } from './blob-references.ts';
import type { Database } from './database.ts';
import { ask } from './database-error.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

export function createDocumentGroups(database: Database): DocumentGroups {
  const db = database.kysely;
  return {
    create: (group, audit) =>
      database.transaction(async (trx) => {
        const { organizationId, patientUuid, documentUuids } = group;
        const { rows } = await sql<{ uuid: string }>`
          SELECT d."silknoteDocumentUuid" AS uuid FROM silknote_documents AS d
          WHERE d."organizationId" = ${organizationId} AND d."patientUuid" = ${patientUuid} AND d."deletedAt" IS NULL
            AND d.sha256 IS NOT NULL AND d."silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])
          ORDER BY 1 FOR UPDATE OF d`.execute(trx);
        const known = new Set(rows.map((row) => row.uuid));
        const missing = documentUuids.filter((uuid) => !known.has(uuid));
        if (missing.length > 0) return { outcome: 'no_document', documentUuids: missing };
        const groups = await groupsOfLocked(trx, organizationId, documentUuids);
        const taken = documentUuids.filter((uuid) => groups.has(uuid));
        if (taken.length > 0) {
          const same = await sameGroup(trx, group, groups.get(taken[0]!) ?? '');
          return same === null ? { outcome: 'in_other_group', documentUuids: taken } : { outcome: 'same', group: same };
        }
        await insertGroup(trx, group);
        await appendAudit(trx, [audit(group.id)]);
        const created = await findGroup(trx, organizationId, patientUuid, group.id);
        return { outcome: 'created', group: created! };
      }),

    async list(organizationId, patientUuid) {
      const rows = await ask(
        db
          .selectFrom('document_groups')
          .selectAll()
          .where('organization_id', '=', organizationId)
          .where('patient_uuid', '=', patientUuid)
          .orderBy('created_at')
          .orderBy('id')
          .execute(),
      );
      const members = await ask(
        membersOf(
          db,
          organizationId,
          rows.map((row) => row.id),
        ),
      );
      return rows.map((row) => documentGroup(row, members.get(row.id) ?? []));
    },

    find: (organizationId, patientUuid, id) => ask(findGroup(db, organizationId, patientUuid, id)),

    reorder: (organizationId, patientUuid, id, documentUuids, audit) =>
      database.transaction((trx) => reorder(trx, { organizationId, patientUuid, id, documentUuids }, audit)),

    ungroup: (organizationId, patientUuid, id, audit) =>
      database.transaction(async (trx) => {
        await lockMembers(trx, organizationId, id);
        const { rows } = await sql<{ sha256: string | null }>`
          SELECT pdf_sha256 AS sha256 FROM document_groups
          WHERE organization_id = ${organizationId} AND patient_uuid = ${patientUuid} AND id = ${id} FOR UPDATE`.execute(
          trx,
        );
        const [group] = rows;
        if (group === undefined) return false;
        await sql`
          UPDATE silknote_documents SET "groupingStatus" = 'ungrouped'
          WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" IN (
            SELECT document_uuid FROM document_group_members
            WHERE organization_id = ${organizationId} AND group_id = ${id})`.execute(trx);
        await sql`DELETE FROM document_groups WHERE organization_id = ${organizationId} AND id = ${id}`.execute(trx);
        if (group.sha256 !== null) await countReferences(trx, organizationId, new Map([[group.sha256, -1]]));
        await appendAudit(trx, [audit]);
        return true;
      }),

    proposals: (organizationId, patientUuid, timeZone) =>
      ask(findProposals(db, { organizationId, patientUuid, timeZone })),
  };
}

/**
 * In which group each of these documents is. A statement of its own: one that waited for the lock of a document sees everything
 * else as it was before, the group that was just made of it included.
 */
export async function groupsOfLocked(
  trx: Trx,
  organizationId: string,
  documentUuids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ uuid: string; group: string }>`
    SELECT document_uuid AS uuid, group_id AS group FROM document_group_members
    WHERE organization_id = ${organizationId} AND document_uuid = ANY (${[...documentUuids]}::text[])`.execute(trx);
  return new Map(rows.map(({ uuid, group }) => [uuid, group]));
}

/** Documents before groups, like everybody who changes a document. */
async function lockMembers(trx: Trx, organizationId: string, id: string): Promise<void> {
  await sql`
    SELECT 1 FROM silknote_documents WHERE "organizationId" = ${organizationId} AND "silknoteDocumentUuid" IN (
      SELECT document_uuid FROM document_group_members
      WHERE organization_id = ${organizationId} AND group_id = ${id})
    ORDER BY "silknoteDocumentUuid" FOR UPDATE`.execute(trx);
}

interface Order {
  readonly organizationId: string;
  readonly patientUuid: string;
  readonly id: string;
  readonly documentUuids: readonly string[];
}

async function reorder(trx: Trx, order: Order, audit: AuditEntry): Promise<ReorderOutcome> {
  const { organizationId, patientUuid, id, documentUuids } = order;
  await lockMembers(trx, organizationId, id);
  const { rows } = await sql`
    SELECT 1 FROM document_groups
    WHERE organization_id = ${organizationId} AND patient_uuid = ${patientUuid} AND id = ${id} FOR UPDATE`.execute(trx);
  const before = rows.length === 0 ? null : await findGroup(trx, organizationId, patientUuid, id);
  if (before === null) return { outcome: 'unknown' };
  const former = before.members.map((member) => member.documentUuid);
  const wanted = new Set(documentUuids);
  if (wanted.size !== former.length || !former.every((uuid) => wanted.has(uuid))) {
    return { outcome: 'other_members', members: former };
  }
  if (former.every((uuid, i) => uuid === documentUuids[i])) return { outcome: 'same', group: before, former };
  await sql`
    UPDATE document_group_members AS m SET position = o.n
    FROM unnest(${[...documentUuids]}::text[]) WITH ORDINALITY AS o (uuid, n)
    WHERE m.organization_id = ${organizationId} AND m.group_id = ${id} AND m.document_uuid = o.uuid`.execute(trx);
  // Whoever makes the PDF of the former order now is told so at its end.
  await sql`
    UPDATE document_groups
    SET change = nextval('document_group_changes'), attempts = 0, next_try_at = now(), code = NULL
    WHERE organization_id = ${organizationId} AND id = ${id}`.execute(trx);
  await appendAudit(trx, [audit]);
  const group = await findGroup(trx, organizationId, patientUuid, id);
  return { outcome: 'reordered', group: group!, former };
}

async function insertGroup(trx: Trx, group: NewGroup): Promise<void> {
  const { organizationId, documentUuids } = group;
  await trx
    .insertInto('document_groups')
    .values({
      organization_id: organizationId,
      id: group.id,
      patient_uuid: group.patientUuid,
      title: group.title && storedText(group.title, NAME_LENGTH),
      created_by: group.by,
    })
    .execute();
  await sql`
    INSERT INTO document_group_members (organization_id, document_uuid, group_id, position)
    SELECT ${organizationId}, m.uuid, ${group.id}, m.n
    FROM unnest(${[...documentUuids]}::text[]) WITH ORDINALITY AS m (uuid, n)`.execute(trx);
  await sql`
    UPDATE silknote_documents SET "groupingStatus" = 'grouped'
    WHERE "organizationId" = ${organizationId}
      AND "silknoteDocumentUuid" = ANY (${[...documentUuids]}::text[])`.execute(trx);
}

async function sameGroup(trx: Trx, group: NewGroup, id: string): Promise<DocumentGroup | null> {
  const found = await findGroup(trx, group.organizationId, group.patientUuid, id);
  const uuids = found?.members.map((member) => member.documentUuid) ?? [];
  const same = uuids.length === group.documentUuids.length && uuids.every((uuid, i) => uuid === group.documentUuids[i]);
  return same ? found : null;
}

async function findGroup(
  db: Kysely<Tables> | Trx,
  organizationId: string,
  patientUuid: string,
  id: string,
): Promise<DocumentGroup | null> {
  const row = await db
    .selectFrom('document_groups')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('patient_uuid', '=', patientUuid)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return null;
  return documentGroup(row, (await membersOf(db, organizationId, [id])).get(id) ?? []);
}

async function membersOf(
  db: Kysely<Tables> | Trx,
  organizationId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, GroupMember[]>> {
  const { rows } = await sql<{ group: string; uuid: string; name: string; live: boolean; page: number | null }>`
    SELECT m.group_id AS group, m.document_uuid AS uuid, d."originalName" AS name, d."deletedAt" IS NULL AS live,
           m.first_page AS page
    FROM document_group_members AS m
    JOIN silknote_documents AS d
      ON d."organizationId" = m.organization_id AND d."silknoteDocumentUuid" = m.document_uuid
    WHERE m.organization_id = ${organizationId} AND m.group_id = ANY (${[...ids]}::text[])
    ORDER BY m.group_id, m.position`.execute(db);
  const groups = new Map<string, GroupMember[]>();
  for (const { group, uuid, name, live, page } of rows) {
    const members = groups.get(group) ?? [];
    members.push({ documentUuid: uuid, originalName: name, live, firstPage: page });
    groups.set(group, members);
  }
  return groups;
}

function documentGroup(row: Selectable<Tables['document_groups']>, members: readonly GroupMember[]): DocumentGroup {
  const current = row.merged_change === row.change;
  const pdf = current && row.pdf_sha256 !== null ? { sha256: row.pdf_sha256, size: Number(row.pdf_size) } : null;
  return {
    id: row.id,
    patientUuid: row.patient_uuid,
    title: row.title,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
    status: !current ? 'waiting' : pdf === null ? 'error' : 'complete',
    code: current ? row.code : null,
    pdf,
    pageCount: pdf === null ? null : row.page_count,
    members: members.map((member) => ({ ...member, firstPage: pdf === null ? null : member.firstPage })),
  };
}

async function findProposals(
  db: Kysely<Tables>,
  { organizationId, patientUuid, timeZone }: Readonly<Record<'organizationId' | 'patientUuid' | 'timeZone', string>>,
): Promise<GroupProposal[]> {
  const { rows } = await sql<GroupProposal>`
    SELECT date, type,
           json_agg(json_build_object('documentUuid', uuid, 'originalName', name) ORDER BY uploaded, uuid) AS documents
    FROM (
      SELECT d."silknoteDocumentUuid" AS uuid, d."originalName" AS name, d."uploadDate" AS uploaded,
             coalesce(r.document_date, to_char(d."uploadDate" AT TIME ZONE ${timeZone}, 'YYYY-MM-DD')) AS date,
             coalesce(d.category, r.detected_type) AS type
      FROM silknote_documents AS d
      JOIN document_renditions AS r ON r.organization_id = d."organizationId" AND r.sha256 = d.sha256
      WHERE d."organizationId" = ${organizationId} AND d."patientUuid" = ${patientUuid} AND d."deletedAt" IS NULL
        AND d."groupingStatus" = 'ungrouped' AND r.verdict = 'processed') AS p
    WHERE date IS NOT NULL AND type IS NOT NULL
    GROUP BY date, type HAVING count(*) > 1 ORDER BY date DESC, type`.execute(db);
  return rows;
}
