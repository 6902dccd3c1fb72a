/** `/api/patients/:uuid/case-summary`: kept as a client saves it; to write one needs a language model. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { isAsSeen, type Preconditions, summaryTag } from '../etag.ts';
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

const AsSeen = Type.Object({
  ...SelectOrganization.properties,
  'if-match': Type.Optional(
    Type.String({ description: 'ETag of the summary that the caller has seen: no other one is replaced or removed.' }),
  ),
  'if-none-match': Type.Optional(Type.String({ description: '"*": the caller has seen that there is none.' })),
});

type Named = { Params: { uuid: string } };
type Changing = Named & { Headers: Preconditions };

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
        description: 'Its ETag names it, for If-Match.',
        operationId: 'caseSummary',
        response: { 200: Summary, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'case_summary.read', subject });
      const record = await services.patients.find(organizationId, patientUuid);
      const caseSummary = record?.caseSummary ?? null;
      if (caseSummary === null) throw new HttpError(404, 'not_found', 'This patient has no case summary.');
      const { summaryGenerationCount, caseSummaryVersion } = record!;
      void reply.header('etag', summaryTag(caseSummaryVersion));
      return { silknotePatientUuid: patientUuid, caseSummary, summaryGenerationCount };
    },
  );

  app.put<Changing & { Body: { caseSummary: object } }>(
    path,
    {
      config,
      schema: {
        ...common,
        headers: AsSeen,
        summary: 'Save the case summary of a patient',
        description:
          'With If-Match, or If-None-Match: *, only what the caller has seen is replaced; without, whatever is there.',
        operationId: 'saveCaseSummary',
        body: SaveBody,
        response: { 204: { description: 'It is saved.', type: 'null' }, ...refusals(...ACCESS_REFUSALS, 412) },
      },
    },
    async (request, reply) => {
      const version = await change(request, 'case_summary.save', request.body.caseSummary);
      return reply.status(204).header('etag', summaryTag(version)).send();
    },
  );

  app.delete<Changing>(
    path,
    {
      config,
      schema: {
        ...common,
        headers: AsSeen,
        summary: 'Remove the case summary of a patient',
        description: 'With If-Match only the one that the caller has seen; without, whatever is there.',
        operationId: 'removeCaseSummary',
        response: {
          204: { description: 'There is none any more.', type: 'null' },
          ...refusals(...ACCESS_REFUSALS, 412),
        },
      },
    },
    async (request, reply) => {
      await change(request, 'case_summary.remove', null);
      return reply.status(204).send();
    },
  );

  /** @returns the version of what is there now */
  async function change(
    request: FastifyRequest<Changing>,
    action: 'case_summary.save' | 'case_summary.remove',
    summary: object | null,
  ): Promise<string | null> {
    const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
    const subject = { kind: 'patient', id: patientUuid };
    return access.audited(request, { organizationId, action, subject }, async () => {
      const seen = (version: string | null) => isAsSeen(summaryTag(version), request.headers);
      const { result, version } = await services.patients.saveCaseSummary(organizationId, patientUuid, summary, seen);
      if (result === 'unknown' && summary !== null) {
        throw new HttpError(404, 'not_found', 'This patient was removed meanwhile.');
      }
      if (result === 'changed') {
        throw new HttpError(412, 'changed_meanwhile', 'The case summary was changed meanwhile: look at it again.');
      }
      return version;
    });
  }

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
