/** `/api/documents`: the bytes of a document. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { blobName } from '../../ports/blob-store.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import type { ApiServices } from '../services.ts';

export function documentRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { documentId: string } }>(
    '/api/documents/:documentId',
    {
      schema: {
        summary: 'Content of a document',
        description:
          'The stored bytes with their own content type. With the header x-silknote-patient-uuid only a document of that patient is given out.',
        params: Type.Object({ documentId: Type.String({ maxLength: 64 }) }),
      },
    },
    async (request, reply) => {
      const organizationId = access.organizationOf(request);
      const document = await services.reports.document(organizationId, request.params.documentId.toLowerCase());
      const patient = request.headers['x-silknote-patient-uuid'];
      if (document === null || (patient !== undefined && String(patient).toLowerCase() !== document.patientUuid)) {
        throw new HttpError(404, 'not_found', 'No such document.');
      }
      const etag = `"${document.sha256}"`;
      void reply
        .header('etag', etag)
        .header('cache-control', 'private, no-cache')
        // A document is shown, never run: it came from somebody else's file share.
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "default-src 'none'; sandbox")
        .header('content-disposition', `inline; filename*=UTF-8''${encodeFileName(document.originalName)}`);
      if (request.headers['if-none-match'] === etag) return reply.status(304).send();
      const content = await services.blobs.get(blobName(organizationId, document.sha256));
      return reply
        .type(document.mimeType ?? 'application/octet-stream')
        .header('content-length', content.size)
        .send(content.stream);
    },
  );
}

/** RFC 8187: what is not an attr-char is percent-encoded. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
