/** `/api/documents/:documentId/…`: what was made of a document – PDF, picture of the first page, text. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { blobName } from '../../ports/blob-store.ts';
import type { DeskDocument } from '../../ports/document-desk.ts';
import { readPageLines } from '../../runs/page-lines.ts';
import type { Access } from '../access.ts';
import { DocumentId, readDocument, renditionOf, SelectPatient } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import type { ApiServices } from '../services.ts';

const TEXT_PAGES = 50;

const input = { tags: ['documents'], headers: SelectPatient, params: DocumentId };
const binary = (description: string, type: string) => ({
  description,
  content: { [type]: { schema: { type: 'string', format: 'binary' } } },
});

const PageText = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  text: Type.String(),
  source: Type.Enum(['text', 'ocr', 'none'], { description: 'Where the text is from; none: the page has none.' }),
});

const TextAnswer = Type.Object(
  {
    documentUuid: Type.String({ format: 'uuid' }),
    pageCount: Type.Integer({ minimum: 0 }),
    pages: Type.Array(PageText),
    next: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'The page to go on from.' }),
  },
  { description: 'The text, page by page.' },
);

const TextQuery = Type.Object(
  {
    from: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'First page; 1.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: `At most so many; ${TEXT_PAGES}.` })),
  },
  { additionalProperties: false },
);

export function documentPartRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const madeOf = (organizationId: string, document: DeskDocument) =>
    renditionOf(document, services.keptOn(organizationId, document.connectionId));

  app.get(
    '/api/documents/:documentId/pdf',
    {
      config: { component: 'document' },
      schema: {
        ...input,
        summary: 'A document as PDF',
        description: 'The document itself when it is a PDF, else the PDF that was made of it. 409 until it was read.',
        operationId: 'documentPdf',
        response: { 200: binary('The PDF.', 'application/pdf'), ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request, reply) => {
      const { organizationId, document } = await readDocument(services, access, request, 'pdf');
      const { pdf } = madeOf(organizationId, document);
      return send(reply, organizationId, pdf?.sha256 ?? document.sha256, 'application/pdf');
    },
  );

  app.get(
    '/api/documents/:documentId/thumbnail',
    {
      config: { component: 'document' },
      schema: {
        ...input,
        summary: 'The first page of a document as a picture',
        operationId: 'documentThumbnail',
        response: { 200: binary('The picture.', 'image/png'), ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request, reply) => {
      const { organizationId, document } = await readDocument(services, access, request, 'thumbnail');
      const { thumbnail } = madeOf(organizationId, document);
      if (thumbnail === null) throw new HttpError(404, 'not_found', 'No picture could be made of this document.');
      return send(reply, organizationId, thumbnail.sha256, 'image/png');
    },
  );

  app.get<{ Querystring: { from?: number; limit?: number } }>(
    '/api/documents/:documentId/text',
    {
      config: { component: 'document' },
      schema: {
        ...input,
        summary: 'The text of a document',
        description: 'Offsets of search hits count UTF-16 units in the text of a page.',
        operationId: 'documentText',
        querystring: TextQuery,
        response: { 200: TextAnswer, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request) => {
      const { from = 1, limit = TEXT_PAGES } = request.query;
      const { organizationId, document } = await readDocument(services, access, request, 'text');
      const { pages, pageCount } = madeOf(organizationId, document);
      const { stream } = await services.blobs.get(blobName(organizationId, pages.sha256));
      const found = [];
      for await (const page of readPageLines(stream)) {
        if (page.number >= from + limit) break;
        if (page.number >= from) found.push({ number: page.number, text: page.text, source: page.source });
      }
      const next = from + limit <= pageCount ? from + limit : null;
      return { documentUuid: document.documentUuid, pageCount, pages: found, next };
    },
  );

  async function send(reply: FastifyReply, organizationId: string, sha256: string, type: string) {
    const content = await services.blobs.get(blobName(organizationId, sha256));
    return (
      reply
        .header('cache-control', 'private, no-cache')
        // Shown, never run: it was made of something from somebody else's file share.
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "default-src 'none'; sandbox")
        .type(type)
        .header('content-length', content.size)
        .send(content.stream)
    );
  }
}
