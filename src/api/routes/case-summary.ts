/** `/api/patients/:uuid/case-summary`: kept as a client saves it; to write one needs a language model. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

/** Of earlier servers, for each patient. */
const MOST_GENERATIONS = 5;

const Summary = Type.Object(
  {
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    caseSummary: Type.Record(Type.String(), Type.Unknown()),
    summaryGenerationCount: Type.Integer({ minimum: 0, description: `Of at most ${MOST_GENERATIONS}.` }),
  },
  { description: 'The summary as it was saved.' },
);
const SaveBody = Type.Object(
  { caseSummary: Type.Record(Type.String(), Type.Unknown(), { description: 'Any JSON object.' }) },
  { additionalProperties: false },
);

type Named = { Params: { uuid: string } };

export function caseSummaryRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const path = '/api/patients/:uuid/case-summary';
  const common = { tags: ['documents'], headers: SelectOrganization, params: PatientUuid };
  const config = { component: 'patient' } as const;

  app.get<Named>(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'The case summary of a patient',
        operationId: 'caseSummary',
        response: { 200: Summary, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'case_summary.read', subject });
      const record = await services.patients.find(organizationId, patientUuid);
      const caseSummary = record?.caseSummary ?? null;
      if (caseSummary === null) throw new HttpError(404, 'not_found', 'This patient has no case summary.');
      const { summaryGenerationCount } = record!;
      return { silknotePatientUuid: patientUuid, caseSummary, summaryGenerationCount };
    },
  );

  app.put<Named & { Body: { caseSummary: object } }>(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Save the case summary of a patient',
        operationId: 'saveCaseSummary',
        body: SaveBody,
        response: { 204: { description: 'It is saved.', type: 'null' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const { caseSummary } = request.body;
      const subject = { kind: 'patient', id: patientUuid };
      await access.audited(request, { organizationId, action: 'case_summary.save', subject }, async () => {
        const saved = await services.patients.saveCaseSummary(organizationId, patientUuid, caseSummary);
        if (!saved) throw new HttpError(404, 'not_found', 'This patient was removed meanwhile.');
      });
      return reply.status(204).send();
    },
  );

  app.delete<Named>(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Remove the case summary of a patient',
        operationId: 'removeCaseSummary',
        response: { 204: { description: 'There is none any more.', type: 'null' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const subject = { kind: 'patient', id: patientUuid };
      await access.audited(request, { organizationId, action: 'case_summary.remove', subject }, () =>
        services.patients.saveCaseSummary(organizationId, patientUuid, null),
      );
      return reply.status(204).send();
    },
  );

  app.post<Named>(
    path,
    {
      config,
      schema: {
        ...common,
        summary: 'Have a case summary written',
        description: 'Needs a language model. None can be configured yet.',
        operationId: 'generateCaseSummary',
        response: refusals(...ACCESS_REFUSALS, 501),
      },
    },
    async (request) => {
      await patientOf(services, access, request, 'documents:write');
      const message =
        'A case summary is written by a language model, and none is configured. One can be saved with PUT.';
      throw new HttpError(501, 'language_model_missing', message);
    },
  );
}
