/** `/api/patients/:uuid/case-summary`: kept as a client saves it, or as a language model writes the first one. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { summaryTask } from '../../domain/cited-answer.ts';
import { toSyncError } from '../../domain/errors.ts';
import type { SummaryNews } from '../../ports/document-events.ts';
import type { SearchPlace } from '../../ports/search-index.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { isAsSeen, type Preconditions, summaryTag } from '../etag.ts';
import { CITATION_FIELDS, citationOf, type ModelAnswers } from '../model-answers.ts';
import { findPassages, type NamedPassage, NotSearched } from '../patient-passages.ts';
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
const WrittenSummary = Type.Object(
  {
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    caseSummary: Type.Object({
      text: Type.String({ description: 'Plain text: statements, each with the numbers of its citations.' }),
      citations: Type.Array(Type.Object(CITATION_FIELDS)),
      writtenBy: Type.Literal('model'),
      model: Type.String(),
      writtenAt: Type.String({ format: 'date-time' }),
      notSearched: NotSearched,
    }),
    saved: Type.Boolean({ description: 'False: another one is saved, and stays.' }),
    summaryGenerationCount: Type.Integer({ minimum: 1, description: `Of at most ${MOST_GENERATIONS}.` }),
  },
  { description: 'It was written.' },
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

export function caseSummaryRoutes(
  app: FastifyInstance,
  services: ApiServices,
  access: Access,
  answers: ModelAnswers,
): void {
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
        description: `By the language model, from passages of the patient's documents; at most ${MOST_GENERATIONS} times for each patient. It is saved only where none is saved ("saved"): what is there stays until somebody changes it with PUT or DELETE.`,
        operationId: 'generateCaseSummary',
        response: { 200: WrittenSummary, ...refusals(...ACCESS_REFUSALS, 409, 501, 502, 504) },
      },
    },
    async (request, reply) => {
      const place = await patientOf(services, access, request, 'documents:write');
      const model = services.languageModel;
      if (model === null) {
        const message =
          'A case summary is written by a language model, and none is configured. One can be saved with PUT.';
        throw new HttpError(501, 'language_model_missing', message);
      }
      // It tells what is in the documents.
      await access.authorize(request, 'documents:read');
      const { organizationId, patientUuid } = place;
      const subject = { kind: 'patient', id: patientUuid };
      return access.audited(
        request,
        { organizationId, action: 'case_summary.write', subject },
        async () => {
          const notSearched = await services.unread.ofPatient(organizationId, patientUuid);
          const passages = await findSummaryPassages(services, place, model.maxPassages);
          if (passages.length === 0) {
            const message = 'The documents of this patient have no passages that a summary could be written from.';
            throw new HttpError(409, 'nothing_found', message);
          }
          const summaryGenerationCount = await services.patients.countSummary(
            organizationId,
            patientUuid,
            MOST_GENERATIONS,
          );
          if (summaryGenerationCount === null) {
            const message = `For this patient ${MOST_GENERATIONS} summaries were written, and no more are. One can be saved with PUT.`;
            throw new HttpError(429, 'summary_limit', message);
          }
          const jobId = `summary_${randomUUID()}`;
          const tell = (news: Omit<SummaryNews, 'jobId'>) =>
            // Whether those who watch hear of it decides nothing.
            services.documentWatch.tell(organizationId, patientUuid, { ...news, jobId }).catch(toSyncError);
          try {
            await tell({ kind: 'summary_begun' });
            const asked = { ...place, purpose: 'summary' as const, passages, task: summaryTask };
            const { content, citations } = await answers.write(request, reply, asked);
            const caseSummary = {
              text: content,
              citations: citations.map((citation) => citationOf(passages, citation)),
              writtenBy: 'model',
              model: model.model,
              writtenAt: new Date().toISOString(),
              notSearched,
            };
            // What a person saved, perhaps in this moment, is theirs.
            const isNone = (version: string | null) => version === null;
            const { result } = await services.patients.saveCaseSummary(
              organizationId,
              patientUuid,
              caseSummary,
              isNone,
            );
            const saved = result === 'saved';
            await tell({ kind: 'summary_written', status: saved ? 'saved' : 'not_saved' });
            return { silknotePatientUuid: patientUuid, caseSummary, saved, summaryGenerationCount };
          } catch (error) {
            await tell({ kind: 'summary_failed', errorCode: toSyncError(error).code });
            // Whoever hangs up has had one written: nobody could count them otherwise.
            if (toSyncError(error).code !== 'cancelled') {
              await services.patients.uncountSummary(organizationId, patientUuid).catch(() => undefined);
            }
            throw error;
          }
        },
        ({ saved }) => ({ details: { saved } }),
      );
    },
  );
}

/** What a clinician looks for. Each is asked for alone: together, the most frequent words would win. */
const TOPICS = [
  'injury accident incident onset history complaint symptoms pain',
  'diagnosis impression findings examination assessment opinion',
  'imaging investigation results scan x-ray MRI ultrasound pathology test',
  'treatment surgery operation procedure medication therapy physiotherapy',
  'progress review outcome prognosis recovery capacity work plan referral follow-up recommendation',
];

/** The best of each topic before the second best of any. */
async function findSummaryPassages(services: ApiServices, place: SearchPlace, most: number): Promise<NamedPassage[]> {
  const found = await Promise.all(TOPICS.map((text) => findPassages(services, place, { text, limit: most })));
  const chosen = new Map<string, NamedPassage>();
  for (let rank = 0; rank < most; rank++) {
    for (const { passages } of found) {
      const passage = passages[rank];
      if (passage === undefined || chosen.size === most) continue;
      chosen.set(`${passage.documentUuid} ${passage.page} ${passage.start}`, passage);
    }
  }
  return [...chosen.values()];
}
