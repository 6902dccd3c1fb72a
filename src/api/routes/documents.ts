/** `/api/documents`: the bytes of a document. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { SyncError } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { DocumentRecord } from '../../ports/reports.ts';
import type { Access } from '../access.ts';
import { mayRead, renditionOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { isNamed } from '../etag.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

type DocumentRequest = FastifyRequest<{ Params: { documentId: string } }>;

const input = {
  tags: ['documents'],
  headers: Type.Object({
    ...SelectOrganization.properties,
    'x-silknote-patient-uuid': Type.Optional(Type.String({ description: 'Only a document of this patient.' })),
    'if-none-match': Type.Optional(Type.String({ description: 'ETag of the copy that the caller has.' })),
  }),
  params: Type.Object({ documentId: Type.String({ description: 'UUID of the document.' }) }),
};
const PDF = 'application/pdf';
const unchanged = { description: 'The caller has it already.', type: 'null' };

export function documentRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { documentId: string } }>(
    '/api/documents/:documentId',
    {
      exposeHeadRoute: false,
      config: { component: 'document' },
      schema: {
        ...input,
        summary: 'Content of a document',
        description:
          'The stored bytes with their own content type. Where Accept names application/pdf, the PDF that was made of it: 409 where there is none (yet), or the document itself when */* is named too. With the header x-silknote-patient-uuid only a document of that patient is given out.',
        operationId: 'documentContent',
        response: {
          200: {
            description: 'The content.',
            content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
          },
          304: unchanged,
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const document = await wanted(request, await find(request));
      if (has(request, document)) return announce(document, reply).status(304).send();
      const content = await services.blobs.get(blobName(document.organizationId, document.sha256));
      return announce(document, reply)
        .type(document.mimeType ?? 'application/octet-stream')
        .header('content-length', content.size)
        .send(content.stream);
    },
  );

  // Not the one that comes with GET: that would read the content to throw it away.
  app.head<{ Params: { documentId: string } }>(
    '/api/documents/:documentId',
    {
      config: { component: 'document' },
      schema: {
        ...input,
        summary: 'Size and type of a document',
        operationId: 'documentHeaders',
        response: {
          200: { description: 'The headers of the content.', type: 'null' },
          304: unchanged,
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const document = await wanted(request, await find(request));
      if (has(request, document)) return announce(document, reply).status(304).send();
      const info = await services.blobs.stat(blobName(document.organizationId, document.sha256));
      if (info === null) throw new SyncError('blob_missing');
      return announce(document, reply)
        .type(document.mimeType ?? 'application/octet-stream')
        .header('content-length', info.size)
        .send();
    },
  );

  /** The document itself, or its PDF as though it were the document: earlier servers had PDFs only. */
  async function wanted(request: DocumentRequest, document: DocumentRecord): Promise<DocumentRecord> {
    const accepted = acceptedTypes(request.headers.accept);
    if (!accepted.has(PDF) || document.mimeType === PDF) return document;
    const known = await services.desk.find(document.organizationId, document.documentUuid);
    if (accepted.has('*/*') && known?.rendition?.verdict !== 'processed') return document;
    if (known === null) throw new HttpError(404, 'not_found', 'No such document.');
    const { pdf } = renditionOf(known, services.keptOn(document.organizationId, known.connectionId));
    // Its bytes are a PDF, whatever it was declared to be.
    if (pdf === null) return { ...document, mimeType: PDF };
    return { ...document, sha256: pdf.sha256, mimeType: PDF, originalName: `${document.originalName}.pdf` };
  }

  async function find(request: DocumentRequest): Promise<DocumentRecord> {
    const organizationId = await access.authorize(request, 'documents:read');
    const id = normaliseUuid(request.params.documentId);
    const document = id === null ? null : await services.reports.document(organizationId, id);
    if (document === null || !mayRead(access, request, document.patientUuid)) {
      throw new HttpError(404, 'not_found', 'No such document.');
    }
    // Also a look at the headers tells that the document exists: every reading of patients' data is accounted for.
    await access.note(request, {
      organizationId,
      action: 'document.read',
      subject: { kind: 'document', id: document.documentUuid },
      details: { patient: document.patientUuid },
    });
    return document;
  }
}

/** Without those that are refused by `q=0`. */
function acceptedTypes(accept: string | undefined): ReadonlySet<string> {
  const types = (accept ?? '').toLowerCase().split(',');
  return new Set(types.filter((type) => !/;\s*q=0(?:\.0*)?\s*$/.test(type)).map((type) => type.split(';')[0]!.trim()));
}

/** Last of all: an error must not carry the tag and the name of a document. */
function announce(document: DocumentRecord, reply: FastifyReply): FastifyReply {
  return (
    reply
      .header('etag', etagOf(document))
      .header('vary', 'accept')
      .header('cache-control', 'private, no-cache')
      // A document is shown, never run: it came from somebody else's file share.
      .header('x-content-type-options', 'nosniff')
      .header('content-security-policy', "default-src 'none'; sandbox")
      .header('content-disposition', `inline; filename*=UTF-8''${encodeFileName(document.originalName)}`)
  );
}

/** The content is named by its hash, so the hash is the tag. */
function etagOf(document: DocumentRecord): string {
  return `"${document.sha256}"`;
}

function has(request: DocumentRequest, document: DocumentRecord): boolean {
  return isNamed(etagOf(document), request.headers['if-none-match']);
}

/** RFC 8187: what is not an attr-char is percent-encoded. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
