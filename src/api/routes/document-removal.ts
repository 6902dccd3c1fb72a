/** Removing documents, in both forms that clients know, and taking a removal back. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { toSyncError } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import { compareIndex } from '../../runs/compare-index.ts';
import type { Access } from '../access.ts';
import { DocumentId, SelectPatient, selectedPatient } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import type { ApiServices } from '../services.ts';

const LONGEST_CHECK_MS = 10_000;

const RemoveBody = Type.Object(
  {
    documentUuid: Type.String({ format: 'uuid' }),
    patientUuid: Type.String({ format: 'uuid' }),
    verifyVectorStore: Type.Optional(
      Type.Boolean({ description: 'Compare the index of the patient afterwards; true.' }),
    ),
  },
  { additionalProperties: false },
);

const RemovedAnswer = Type.Object({
  success: Type.Literal(true),
  documentUuid: Type.String({ format: 'uuid' }),
  warnings: Type.Array(Type.String(), { description: 'What is done later by itself.' }),
  vectorStoreValid: Type.Union([Type.Boolean(), Type.Null()], {
    description: 'Whether the index has what the records say of this patient. Null: not compared.',
  }),
  message: Type.String(),
});

const RestoredAnswer = Type.Object({
  success: Type.Literal(true),
  documentUuid: Type.String({ format: 'uuid' }),
  restored: Type.Boolean({ description: 'False: it was never removed.' }),
});

const common = { tags: ['documents'], headers: SelectPatient };

export function documentRemovalRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.delete<{ Body: { documentUuid: string; patientUuid: string; verifyVectorStore?: boolean } }>(
    '/api/documents/delete',
    {
      config: { component: 'document' },
      schema: {
        ...common,
        summary: 'Remove a document, and compare the index',
        description: 'Repeated calls are fine. What the source still lists comes back with the next run.',
        operationId: 'deleteDocument',
        body: RemoveBody,
        response: { 200: { ...RemovedAnswer, description: 'What was removed.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { verifyVectorStore = true } = request.body;
      const patientUuid = normaliseUuid(request.body.patientUuid);
      const { organizationId, documentUuid } = await remove(request, request.body.documentUuid, patientUuid);
      const warnings: string[] = [];
      let vectorStoreValid: boolean | null = null;
      const { desk, search } = services;
      if (patientUuid !== null && search.capabilities.available) {
        const signal = AbortSignal.timeout(LONGEST_CHECK_MS);
        try {
          // Only sooner: the task that stands in the outbox does it in any case.
          await search.remove({ organizationId, patientUuid }, [documentUuid], signal);
          if (verifyVectorStore) {
            const { differences } = await compareIndex({ desk, search }, { organizationId, patientUuid, signal });
            vectorStoreValid = differences.length === 0;
          }
        } catch (error) {
          request.log.warn({ code: toSyncError(error).code }, 'a removed document leaves the index later');
          warnings.push('The search index does not answer now. The document leaves it as soon as it does.');
        }
      }
      return { success: true, documentUuid, warnings, vectorStoreValid, message: 'The document is removed.' };
    },
  );

  app.delete<{ Params: { documentId: string } }>(
    '/api/documents/:documentId',
    {
      config: { component: 'document' },
      schema: {
        ...common,
        summary: 'Remove a document',
        description: 'Repeated calls are fine. What the source still lists comes back with the next run.',
        operationId: 'removeDocument',
        params: DocumentId,
        response: { 204: { description: 'It is removed.', type: 'null' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      await remove(request, request.params.documentId, null);
      return reply.status(204).send();
    },
  );

  app.post<{ Params: { documentId: string } }>(
    '/api/documents/:documentId/restore',
    {
      schema: {
        ...common,
        summary: 'Bring a removed document back',
        description:
          'As long as its content is stored (retention.releasedBlobs). A document that its source no longer lists is kept against it.',
        operationId: 'restoreDocument',
        params: DocumentId,
        response: {
          200: { ...RestoredAnswer, description: 'It is live again.' },
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const documentUuid = uuidOf(request.params.documentId);
      return access.audited(
        request,
        { organizationId, action: 'document.restore', subject: { kind: 'document', id: documentUuid } },
        async () => {
          const selected = selectedPatient(request);
          if (selected !== null) {
            const row = await services.filesets.documentRow(organizationId, documentUuid);
            if (row?.patientUuid !== selected && row?.unit !== selected) throw noDocument();
          }
          const result = await services.desk.restore(organizationId, documentUuid);
          if (result === 'unknown') throw noDocument();
          if (result === 'too_late') throw new HttpError(409, 'blob_missing', 'Its content is not stored any more.');
          if (result === 'replaced') {
            throw new HttpError(409, 'document_replaced', 'Another document has taken its place.');
          }
          return { success: true, documentUuid, restored: result === 'restored' };
        },
      );
    },
  );

  async function remove(request: FastifyRequest, documentId: string, named: string | null) {
    const organizationId = await access.authorize(request, 'documents:write');
    const documentUuid = uuidOf(documentId);
    const only = access.patientOf(request);
    const selected = selectedPatient(request);
    if (named !== null && selected !== null && named !== selected) throw noDocument();
    const patientUuid = named ?? selected;
    await access.audited(
      request,
      { organizationId, action: 'document.remove', subject: { kind: 'document', id: documentUuid } },
      async () => {
        if (only !== null) {
          // Also of one that was removed before.
          const row = await services.filesets.documentRow(organizationId, documentUuid);
          if (row?.patientUuid !== only || (patientUuid ?? only) !== only) throw noDocument();
        }
        const result = await services.desk.remove(organizationId, documentUuid, patientUuid);
        if (result === 'unknown') throw noDocument();
        return result;
      },
      (result) => ({ details: { before: result === 'gone' } }),
    );
    return { organizationId, documentUuid };
  }
}

function uuidOf(text: string): string {
  const uuid = normaliseUuid(text);
  if (uuid === null) throw noDocument();
  return uuid;
}

function noDocument(): HttpError {
  return new HttpError(404, 'not_found', 'No such document.');
}
