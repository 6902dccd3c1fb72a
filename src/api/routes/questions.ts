/**
 * `/api/vector-search/…` and `/api/query`: questions to the documents of one patient. Passages are the answer, or what a
 * language model writes from them.
 *
 * What is asked is personal data as much as the answer: see `search.ts`.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { questionTask } from '../../domain/cited-answer.ts';
import { toSyncError } from '../../domain/errors.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { CITATION_FIELDS, citationOf, isOfModel, type ModelAnswers } from '../model-answers.ts';
import {
  type FoundPassages,
  type NamedPassage,
  NotSearched,
  SearchWords,
  searchPatient,
  stillThere,
} from '../patient-passages.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const FULL_PASSAGES = 50;

const common = { tags: ['search'], headers: SelectOrganization, params: PatientUuid };

const FullBody = Type.Object(
  {
    query: SearchWords,
    includeExactQuotes: Type.Optional(Type.Boolean({ description: 'Passages always are exact quotes.' })),
    outputFormat: Type.Optional(Type.String({ maxLength: 100, description: 'Of earlier clients; changes nothing.' })),
    actualPrompt: Type.Optional(
      Type.String({ maxLength: 100_000, description: 'Of earlier clients; changes nothing.' }),
    ),
  },
  { additionalProperties: false },
);
const FullQuery = Type.Object({ query: Type.Optional(SearchWords) }, { additionalProperties: false });

const FullAnswer = Type.Object(
  {
    content: Type.String({
      description:
        'The passages, or statements of the language model as plain text, each with the numbers of its citations. Empty: nothing was found.',
    }),
    citations: Type.Array(
      Type.Object({
        ...CITATION_FIELDS,
        text: Type.Optional(
          Type.String({ description: 'Of an answer by the model: the passage, to compare the statement with.' }),
        ),
      }),
    ),
    answeredBy: Type.Union([Type.Literal('passages'), Type.Literal('model')]),
    reason: Type.Union(
      [
        Type.Object({
          code: Type.String({ description: 'A code of docs/errors.md, language_model_missing or nothing_found.' }),
          message: Type.String(),
          remedy: Type.Union([Type.String(), Type.Null()]),
        }),
        Type.Null(),
      ],
      { description: 'Why the passages are the answer; null: the model has answered.' },
    ),
    notSearched: NotSearched,
  },
  { description: 'Without a language model, and when it fails, the passages are the answer.' },
);

/** Why there is no answer by a model. */
interface Reason {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}
const NO_MODEL: Reason = {
  code: 'language_model_missing',
  message: 'No language model is configured.',
  remedy: 'Describe one under languageModel in chartsync.yaml, and restart; or take the passages.',
};
const NOTHING_FOUND: Reason = {
  code: 'nothing_found',
  message: 'No passage has these words, so the language model was not asked.',
  remedy: 'Ask in other words.',
};

type Patient = { Params: { uuid: string } };

export function questionRoutes(
  app: FastifyInstance,
  services: ApiServices,
  access: Access,
  answers: ModelAnswers,
): void {
  const fullAnswers = { 200: FullAnswer, ...refusals(...ACCESS_REFUSALS, 409) };

  app.post<Patient & { Body: { query: string } }>(
    '/api/vector-search/:uuid/query-full',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Ask the documents of a patient',
        description:
          'With a language model it answers from the best passages; only statements are shown that cite passages of this patient. It may still understand them wrongly: each citation has the passage.',
        operationId: 'queryFull',
        body: FullBody,
        response: fullAnswers,
      },
    },
    (request, reply) => fullAnswer(request, reply, request.body.query),
  );

  app.get<Patient & { Querystring: { query?: string } }>(
    '/api/vector-search/:uuid/query-full',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Ask the documents of a patient, in the address',
        description: 'Addresses are written down by proxies and browsers: prefer the form with a body.',
        operationId: 'queryFullByAddress',
        querystring: FullQuery,
        response: fullAnswers,
      },
    },
    (request, reply) => fullAnswer(request, reply, request.query.query),
  );

  app.post(
    '/api/query',
    {
      schema: {
        tags: ['search'],
        headers: SelectOrganization,
        summary: 'Ask a question about all patients',
        description:
          'Is not done, with or without a language model: no index has passages of several patients. /api/vector-search/{uuid}/query-full answers about one.',
        operationId: 'query',
        response: refusals(...ACCESS_REFUSALS, 501),
      },
    },
    async (request) => {
      await access.authorize(request, 'documents:read');
      throw notDone();
    },
  );

  app.post<Patient>(
    '/api/vector-search/:uuid/query',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Begin a conversation about the documents of a patient',
        description: 'Is not done, with or without a language model: query-full answers one question at a time.',
        operationId: 'queryConversation',
        response: refusals(...ACCESS_REFUSALS, 501),
      },
    },
    async (request) => {
      await patientOf(services, access, request, 'documents:read');
      throw notDone();
    },
  );

  app.post<Patient>(
    '/api/vector-search/:uuid/clear',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Forget the conversation about the documents of a patient',
        description: 'No conversation is kept, so there is nothing to forget. The index of the documents stays.',
        operationId: 'clearConversation',
        response: {
          200: Type.Object(
            { success: Type.Literal(true), cleared: Type.Integer({ minimum: 0 }), message: Type.String() },
            { description: 'No conversation is there.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      await patientOf(services, access, request, 'documents:read');
      return { success: true, cleared: 0, message: 'No conversation is kept.' };
    },
  );

  async function fullAnswer(request: FastifyRequest, reply: FastifyReply, text: string | undefined) {
    const found = await searchPatient(services, access, request, { text, limit: FULL_PASSAGES });
    return { ...(await answerOf(request, reply, text, found)), notSearched: found.notSearched };
  }

  async function answerOf(
    request: FastifyRequest,
    reply: FastifyReply,
    text: string | undefined,
    { place, passages }: FoundPassages,
  ) {
    const model = services.languageModel;
    if (model === null) return passagesAnswer(passages, NO_MODEL);
    if (passages.length === 0) return passagesAnswer(passages, NOTHING_FOUND);
    const given = passages.slice(0, model.maxPassages);
    try {
      const { content, citations } = await answers.write(request, reply, {
        ...place,
        purpose: 'question',
        passages: given,
        task: (texts) => questionTask(text ?? '', texts),
      });
      return {
        content,
        citations: citations.map((citation) => ({
          ...citationOf(given, citation),
          text: given[citation.passage]!.text,
        })),
        answeredBy: 'model',
        reason: null,
      };
    } catch (error) {
      const failure = toSyncError(error);
      if (!isOfModel(failure)) throw error;
      const { code, message, remedy } = failure;
      // The model took its time.
      return passagesAnswer(await stillThere(services, place, passages), { code, message, remedy });
    }
  }
}

function passagesAnswer(passages: readonly NamedPassage[], reason: Reason) {
  let content = '';
  const citations = passages.map(({ documentUuid, documentName, page, text }, i) => {
    if (i > 0) content += '\n\n';
    const startIndex = content.length;
    content += text;
    const endIndex = content.length;
    content += ` [${i + 1}]`;
    return {
      documentId: documentUuid,
      documentName,
      pageNumber: page,
      startIndex,
      endIndex,
      citationIndex: i + 1,
    };
  });
  return { content, citations, answeredBy: 'passages', reason };
}

function notDone(): HttpError {
  const instead = 'POST /api/vector-search/:uuid/query-full answers one question about one patient.';
  return new HttpError(501, 'not_available', `This is not done, with or without a language model. ${instead}`);
}
