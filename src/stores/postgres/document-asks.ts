/** Asks for work on documents, in the transaction that changes them: the one cannot be without the other. */
import { sql, type Transaction } from 'kysely';
import type { DocumentTaskKind } from '../../ports/document-work.ts';
import type { Tables } from './tables.ts';

export interface DocumentAsk {
  readonly documentUuid: string;
  /** The content that it had until now. */
  readonly former?: string | null;
  /** The patient that it had until now. */
  readonly formerPatient?: string;
}

export interface AskOptions {
  /** Somebody waits for it: it goes before what sources bring. */
  readonly isAwaited?: boolean;
  /** It goes after what sources bring. */
  readonly canWait?: boolean;
}

/** Last in a transaction: whoever ends a task locks documents and contents first, too. */
export async function askForDocuments(
  trx: Transaction<Tables>,
  organizationId: string,
  task: DocumentTaskKind,
  asks: readonly DocumentAsk[],
  { isAwaited = false, canWait = false }: AskOptions = {},
): Promise<void> {
  if (asks.length === 0) return;
  // Nobody shall find any longer what was removed, or whose it no longer is.
  const isUrgent = isAwaited || task === 'unindex';
  await sql`
    INSERT INTO document_outbox AS o (organization_id, document_uuid, patient_uuid, task, former, former_patients, priority)
    SELECT ${organizationId}, d."silknoteDocumentUuid", d."patientUuid", ${task},
           CASE WHEN a.former IS NULL THEN '{}' ELSE ARRAY[a.former] END,
           CASE WHEN a.patient IS NULL THEN '{}' ELSE ARRAY[a.patient] END,
           CASE WHEN ${isUrgent}::boolean OR a.patient IS NOT NULL THEN 0 WHEN ${canWait}::boolean THEN 2
                ELSE 1 END
    FROM unnest(${asks.map((ask) => ask.documentUuid)}::text[], ${asks.map((ask) => ask.former ?? null)}::text[],
                ${asks.map((ask) => ask.formerPatient ?? null)}::text[])
           AS a (uuid, former, patient)
    JOIN silknote_documents AS d
      ON d."silknoteDocumentUuid" = a.uuid AND d."organizationId" = ${organizationId}
    ORDER BY d."silknoteDocumentUuid"
    ON CONFLICT (organization_id, document_uuid) DO UPDATE
      SET task = excluded.task, patient_uuid = excluded.patient_uuid, former = o.former || excluded.former,
          former_patients = ARRAY(SELECT DISTINCT unnest(o.former_patients || excluded.former_patients)),
          priority = least(o.priority, excluded.priority), change = excluded.change, attempts = 0, delays = 0,
          next_try_at = now(), code = NULL`.execute(trx);
}
