/** What follows from hiding documents, in the same transaction: their contents are given back, their index entries go. */
import { sql, type Transaction } from 'kysely';
import { type Fence, SYNCHRONISED_SYSTEMS } from '../../ports/document-records.ts';
import { countReferences } from './blob-references.ts';
import { askForDocuments } from './document-asks.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

/** Of rows of `silknote_documents`: brought by a connection, or by a program that brings what a connection would. */
export const IS_SYNCHRONISED = sql<boolean>`("sourceSystem" = ANY (${[...SYNCHRONISED_SYSTEMS]}::text[]))`;

interface RemovedDocument {
  readonly uuid: string;
  readonly sha256: string | null;
}

export async function afterRemoval(
  trx: Trx,
  organizationId: string,
  removed: readonly RemovedDocument[],
): Promise<void> {
  const deltas = new Map<string, number>();
  for (const { sha256 } of removed) if (sha256) deltas.set(sha256, (deltas.get(sha256) ?? 0) - 1);
  await countReferences(trx, organizationId, deltas);
  await askForDocuments(
    trx,
    organizationId,
    'unindex',
    removed.map(({ uuid }) => ({ documentUuid: uuid })),
  );
}

/** Documents of attachments that were just removed go with them, unless a person keeps them. */
export async function removeWithAttachments(
  trx: Trx,
  fence: Fence,
  attachments: readonly { readonly reference: string; readonly absence: string }[],
  at: number,
): Promise<void> {
  if (attachments.length === 0) return;
  const { rows } = await sql<RemovedDocument>`
    UPDATE silknote_documents AS d
    SET "deletedAt" = ${new Date(at)}, "deletedReason" = r.reason, "deletedByRun" = ${fence.runId},
        "updatedAt" = ${new Date(at)}
    FROM unnest(${attachments.map((a) => a.reference)}::text[], ${attachments.map((a) => `source:${a.absence}`)}::text[])
      AS r (reference, reason)
    WHERE d."organizationId" = ${fence.organizationId} AND d."connectionId" = ${fence.connectionId}
      AND d."vsrxReference" = r.reference AND d."deletedAt" IS NULL AND d."keptSince" IS NULL AND ${IS_SYNCHRONISED}
    RETURNING d."silknoteDocumentUuid" AS uuid, d.sha256`.execute(trx);
  await afterRemoval(trx, fence.organizationId, rows);
}
