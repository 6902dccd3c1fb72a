/** Documents with the same content: told, never removed by themselves. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Duplicates } from '../../ports/patient-desk.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 100;
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);

const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: `Default: ${DEFAULT_LIMIT}.` })),
  after: Type.Optional(
    Type.String({
      pattern: '^[0-9a-f]{64}( [0-9a-fA-F-]{1,36})?$',
      description: 'What the answer before gave as "next".',
    }),
  ),
};

const Answer = Type.Object(
  {
    duplicates: Type.Array(
      Type.Object({
        hash: Type.String({ description: 'SHA-256 of the content.' }),
        sizeBytes: Type.Integer({ minimum: 0 }),
        documents: Type.Array(
          Type.Object({
            silknoteDocumentUuid: Type.String({ format: 'uuid' }),
            silknotePatientUuid: Type.String({ format: 'uuid' }),
            patientName: nullable(Type.String()),
            originalName: Type.String(),
            sourceSystem: Type.String(),
            vsrxReference: nullable(Type.String()),
            uploadDate: nullable(Type.String({ format: 'date-time' })),
          }),
          { description: 'The oldest first; at most 100.' },
        ),
      }),
    ),
    next: nullable(Type.String()),
  },
  { description: 'In the order of the hashes.' },
);

interface Page {
  readonly limit?: number;
  readonly after?: string;
}

export function duplicateRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['documents'], headers: SelectOrganization };

  app.get<{ Params: { uuid: string }; Querystring: Page }>(
    '/api/patients/:uuid/duplicates',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Documents that a patient has more than once',
        operationId: 'patientDuplicates',
        params: PatientUuid,
        querystring: Type.Object(page, { additionalProperties: false }),
        response: { 200: Answer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      return find(request, organizationId, patientUuid, false, request.query);
    },
  );

  app.get<{ Querystring: Page & { acrossPatients?: boolean } }>(
    '/api/v1/duplicates',
    {
      schema: {
        ...common,
        summary: 'Documents that the same patient has more than once, or several patients have',
        operationId: 'duplicates',
        querystring: Type.Object(
          {
            ...page,
            acrossPatients: Type.Optional(
              Type.Boolean({
                description: 'Contents that several patients have, one of which may be wrong there. Default: false.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: Answer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      return find(request, organizationId, null, request.query.acrossPatients ?? false, request.query);
    },
  );

  function find(
    request: FastifyRequest,
    organizationId: string,
    patientUuid: string | null,
    acrossPatients: boolean,
    { limit = DEFAULT_LIMIT, after }: Page,
  ) {
    return access.audited(
      request,
      {
        organizationId,
        action: 'document.duplicates',
        ...(patientUuid === null ? {} : { subject: { kind: 'patient', id: patientUuid } }),
      },
      async () => {
        const { duplicates, next } = await services.patients.duplicates({
          organizationId,
          patientUuid,
          acrossPatients,
          limit,
          ...(after === undefined ? {} : { after }),
        });
        return { duplicates: duplicates.map(answerOf), next };
      },
      ({ duplicates }) => ({ details: { contents: duplicates.length } }),
    );
  }
}

function answerOf({ sha256, sizeBytes, documents }: Duplicates) {
  return {
    hash: sha256,
    sizeBytes,
    documents: documents.map((document) => ({
      silknoteDocumentUuid: document.documentUuid,
      silknotePatientUuid: document.patientUuid,
      patientName: document.patientName,
      originalName: document.originalName,
      sourceSystem: document.sourceSystem,
      vsrxReference: document.reference,
      uploadDate: document.uploadedAt,
    })),
  };
}
