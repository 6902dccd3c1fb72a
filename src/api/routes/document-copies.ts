/** `/api/documents/:documentId/copies`: where a document is, and whether its copies agree. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { normaliseUuid } from '../../domain/reference.ts';
import { isFileConnection, isRecordConnection } from '../../runs/connections.ts';
import { traceDocument } from '../../runs/trace-document.ts';
import type { Access } from '../access.ts';
import { DocumentId, SelectPatient } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import type { ApiServices } from '../services.ts';

const LONGEST_LOOK_MS = 60_000;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const text = (description?: string) => nullable(Type.String(description === undefined ? {} : { description }));

const CopiesAnswer = Type.Object(
  {
    documentUuid: Type.String({ format: 'uuid' }),
    patientUuid: Type.String({ format: 'uuid' }),
    connectionId: text('Null: it was uploaded.'),
    removedAt: nullable(Type.String({ format: 'date-time', description: 'Null: it is live.' })),
    checkedAt: Type.String({ format: 'date-time' }),
    agree: nullable(Type.Boolean({ description: 'Null: a store could not be looked at.' })),
    copies: Type.Array(
      Type.Object({
        store: Type.Enum(['source', 'row', 'blob', 'remote', 'index'], {
          description: 'remote: the document service on another machine, where the connection sends its documents.',
        }),
        verdict: Type.Enum(['same', 'different', 'missing', 'surplus', 'unknown', 'none'], {
          description: 'Beside what the record says. none: there is nothing to compare.',
        }),
        message: Type.String(),
        sha256: text('Of what was read; of the text, in the index.'),
        sizeBytes: nullable(Type.Integer({ minimum: 0 })),
        place: text('Its name in the store.'),
        code: text(),
      }),
    ),
  },
  { description: 'Every store was looked at now.' },
);

export function documentCopyRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { documentId: string } }>(
    '/api/documents/:documentId/copies',
    {
      schema: {
        tags: ['documents'],
        headers: SelectPatient,
        params: DocumentId,
        summary: 'Where a document is, and whether its copies agree',
        description:
          'Reads the file in the source and the stored content to their ends, also of a document that was removed. Changes nothing.',
        operationId: 'documentCopies',
        response: { 200: CopiesAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      const id = normaliseUuid(request.params.documentId);
      const row = id === null ? null : await services.filesets.documentRow(organizationId, id);
      const patient = request.headers['x-silknote-patient-uuid'];
      if (row === null || (patient !== undefined && normaliseUuid(String(patient)) !== row.patientUuid)) {
        throw new HttpError(404, 'not_found', 'No such document.');
      }
      const subject = { kind: 'document', id: row.documentUuid };
      await access.note(request, {
        organizationId,
        action: 'document.trace',
        subject,
        details: { patient: row.patientUuid },
      });
      const connection =
        services.connections
          .filter((connection) => isFileConnection(connection) || isRecordConnection(connection))
          .find((c) => c.organizationId === organizationId && c.id === row.connectionId) ?? null;
      const gone = new AbortController();
      request.raw.socket.once('close', () => gone.abort());
      const signal = AbortSignal.any([AbortSignal.timeout(LONGEST_LOOK_MS), gone.signal]);
      const copies = await traceDocument(
        services,
        connection,
        organizationId,
        row,
        signal,
        services.keptOn(organizationId, row.connectionId),
      );
      const unknown = copies.some(({ verdict }) => verdict === 'unknown');
      return {
        documentUuid: row.documentUuid,
        patientUuid: row.patientUuid,
        connectionId: row.connectionId,
        removedAt: row.removedAt,
        checkedAt: new Date().toISOString(),
        agree: unknown ? null : copies.every(({ verdict }) => verdict === 'same' || verdict === 'none'),
        copies,
      };
    },
  );
}
