/** What was made of contents, and the references that its parts are worth. */
import { type Kysely, type Selectable, sql, type Transaction } from 'kysely';
import type { DocumentErrorCode, DocumentProgram, RetryAdvice } from '../../ports/document-content.ts';
import type { BlobCare } from '../../ports/document-records.ts';
import type { ProcessedRendition, Rendition } from '../../ports/document-work.ts';
import { countReferences } from './blob-references.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;

interface Taken {
  pdf_sha256: string | null;
  pages_sha256: string | null;
  thumbnail_sha256: string | null;
  /** Why the content was refused. */
  code: string | null;
  ocr_asked_at: Date | null;
  page_count: number | null;
  document_date: string | null;
}

export async function findRendition(
  db: Kysely<Tables> | Trx,
  organizationId: string,
  sha256: string,
): Promise<Rendition | null> {
  return (await findRenditions(db, organizationId, [sha256])).get(sha256) ?? null;
}

/** By the hash of the original. */
export async function findRenditions(
  db: Kysely<Tables> | Trx,
  organizationId: string,
  contents: readonly string[],
): Promise<ReadonlyMap<string, Rendition>> {
  if (contents.length === 0) return new Map();
  const rows = await db
    .selectFrom('document_renditions')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('sha256', '=', sql<string>`ANY (${[...new Set(contents)]}::text[])`)
    .execute();
  return new Map(rows.map((row) => [row.sha256, renditionOf(row)]));
}

function renditionOf(row: Selectable<Tables['document_renditions']>): Rendition {
  const part = (hash: string | null, size: string | null): BlobCare | null =>
    hash === null ? null : { sha256: hash, size: Number(size) };
  if (row.verdict === 'refused') {
    return {
      verdict: 'refused',
      processorVersion: row.processor_version,
      detectedType: row.detected_type,
      code: row.code as DocumentErrorCode,
      reason: row.reason ?? '',
      retry: (row.retry ?? 'never') as RetryAdvice,
      missing: row.missing as DocumentProgram | null,
    };
  }
  return {
    verdict: 'processed',
    processorVersion: row.processor_version,
    detectedType: row.detected_type ?? '',
    pdf: part(row.pdf_sha256, row.pdf_size),
    pages: part(row.pages_sha256, row.pages_size)!,
    thumbnail: part(row.thumbnail_sha256, row.thumbnail_size),
    pageCount: row.page_count ?? 0,
    textPages: row.text_pages,
    documentDate: row.document_date === null ? null : { date: row.document_date, confidence: row.date_confidence ?? 0 },
    warnings: row.warnings,
    scansAskedFor: row.ocr_asked_at !== null && row.warnings.includes('ocr_missing'),
  };
}

/**
 * Only of a content that a live document has: nobody would ever take it away again.
 * @param isNamed by a document that this transaction holds; otherwise it is looked for
 * @returns whether there was another one, which documents of the same content may still show, or that one is kept
 */
export async function putRendition(
  trx: Trx,
  organizationId: string,
  sha256: string,
  { rendition, isNamed }: { readonly rendition: Rendition; readonly isNamed: boolean },
): Promise<'new' | 'other' | 'kept'> {
  await alone(trx, organizationId, sha256);
  if (!isNamed && !(await hasDocument(trx, organizationId, sha256))) return 'new';
  if (await keepsProcessed(trx, organizationId, sha256, rendition)) return 'kept';
  const before = await takeOut(trx, organizationId, sha256);
  const done = rendition.verdict === 'processed' ? rendition : null;
  const refused = rendition.verdict === 'refused' ? rendition : null;
  await trx
    .insertInto('document_renditions')
    .values({
      organization_id: organizationId,
      sha256,
      processor_version: rendition.processorVersion,
      verdict: rendition.verdict,
      detected_type: rendition.detectedType,
      code: refused?.code ?? null,
      reason: refused?.reason ?? null,
      retry: refused?.retry ?? null,
      missing: refused?.missing ?? null,
      pdf_sha256: done?.pdf?.sha256 ?? null,
      pdf_size: done?.pdf?.size ?? null,
      pages_sha256: done?.pages.sha256 ?? null,
      pages_size: done?.pages.size ?? null,
      thumbnail_sha256: done?.thumbnail?.sha256 ?? null,
      thumbnail_size: done?.thumbnail?.size ?? null,
      page_count: done?.pageCount ?? null,
      text_pages: done?.textPages ?? null,
      document_date: done?.documentDate?.date ?? null,
      date_confidence: done?.documentDate?.confidence ?? null,
      warnings: [...(done?.warnings ?? [])],
      // What a machine without Tesseract has read again is not asked for at once.
      ocr_asked_at: done?.warnings.includes('ocr_missing') ? (before?.ocr_asked_at ?? null) : null,
    })
    .execute();
  const after = [done?.pdf, done?.pages, done?.thumbnail].flatMap((part) => part?.sha256 ?? []);
  const deltas = new Map<string, number>();
  for (const hash of after) deltas.set(hash, (deltas.get(hash) ?? 0) + 1);
  for (const hash of partsOf(before)) deltas.set(hash, (deltas.get(hash) ?? 0) - 1);
  await countReferences(trx, organizationId, deltas, new Set(after));
  if (before === null) return 'new';
  await changeFacts(trx, organizationId, sha256, before, done);
  const isOther = before.pages_sha256 !== (done?.pages.sha256 ?? null) || before.code !== (refused?.code ?? null);
  return isOther ? 'other' : 'new';
}

/** These say how a reader fared and not what the content is: somebody has read it before. */
const OF_THE_READER: ReadonlySet<string> = new Set(['document_timeout', 'document_memory', 'document_reader_crashed']);

/** As read by this version, which cannot do it better; nor do its scans wait for Tesseract any longer. */
async function keepsProcessed(
  trx: Trx,
  organizationId: string,
  sha256: string,
  rendition: Rendition,
): Promise<boolean> {
  if (rendition.verdict !== 'refused' || !OF_THE_READER.has(rendition.code)) return false;
  const { numAffectedRows } = await sql`
    UPDATE document_renditions
    SET processor_version = greatest(processor_version, ${rendition.processorVersion}::int), ocr_asked_at = NULL,
        warnings = ARRAY(SELECT DISTINCT unnest(array_replace(warnings, 'ocr_missing', 'ocr_failed')) ORDER BY 1)
    WHERE organization_id = ${organizationId} AND sha256 = ${sha256} AND verdict = 'processed'`.execute(trx);
  return numAffectedRows === 1n;
}

/**
 * What documents say by this content as it was read before; what a source or a person says stays. Those that others hold are being
 * worked on themselves, and the end of that writes it down.
 */
async function changeFacts(
  trx: Trx,
  organizationId: string,
  sha256: string,
  before: Taken,
  after: ProcessedRendition | null,
): Promise<void> {
  await sql`
    UPDATE silknote_documents AS d
    SET "pageCount" = CASE WHEN d."pageCount" = ${before.page_count}::int THEN ${after?.pageCount ?? null}::int
                           ELSE d."pageCount" END,
        "documentDate" = CASE WHEN d."documentDate" = ${before.document_date}::text
                              THEN ${after?.documentDate?.date ?? null}::text ELSE d."documentDate" END
    FROM (SELECT "silknoteDocumentUuid" AS uuid FROM silknote_documents
          WHERE "organizationId" = ${organizationId} AND sha256 = ${sha256} AND "deletedAt" IS NULL
            AND ("pageCount" = ${before.page_count}::int OR "documentDate" = ${before.document_date}::text)
          FOR UPDATE SKIP LOCKED) AS s
    WHERE d."silknoteDocumentUuid" = s.uuid AND d."organizationId" = ${organizationId}`.execute(trx);
}

/** Of those contents that no live document has any more. */
export async function dropUnusedRenditions(
  trx: Trx,
  organizationId: string,
  contents: readonly (string | null)[],
): Promise<void> {
  const deltas = new Map<string, number>();
  for (const sha256 of [...new Set(contents.filter((content) => content !== null))].sort()) {
    await alone(trx, organizationId, sha256);
    if (await hasDocument(trx, organizationId, sha256)) continue;
    const parts = partsOf(await takeOut(trx, organizationId, sha256));
    for (const hash of parts) deltas.set(hash, (deltas.get(hash) ?? 0) - 1);
  }
  await countReferences(trx, organizationId, deltas);
}

/** Two documents with one content may be at work at the same time. */
async function alone(trx: Trx, organizationId: string, sha256: string): Promise<void> {
  const name = `document_renditions ${organizationId} ${sha256}`;
  await sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(trx);
}

async function hasDocument(trx: Trx, organizationId: string, sha256: string): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM silknote_documents
    WHERE "organizationId" = ${organizationId} AND sha256 = ${sha256} AND "deletedAt" IS NULL LIMIT 1`.execute(trx);
  return rows.length > 0;
}

async function takeOut(trx: Trx, organizationId: string, sha256: string): Promise<Taken | null> {
  const { rows } = await sql<Taken>`
    DELETE FROM document_renditions WHERE organization_id = ${organizationId} AND sha256 = ${sha256}
    RETURNING pdf_sha256, pages_sha256, thumbnail_sha256, code, ocr_asked_at, page_count, document_date`.execute(trx);
  return rows[0] ?? null;
}

function partsOf(taken: Taken | null): string[] {
  const parts = taken === null ? [] : [taken.pdf_sha256, taken.pages_sha256, taken.thumbnail_sha256];
  return parts.filter((hash) => hash !== null);
}
