/**
 * `/api/patients/:uuid/search` and `/api/vector-search/…`: words in the documents of one patient.
 *
 * What is asked for is personal data as much as what is found. Neither is logged, traced or audited – the audit log has the
 * caller, the patient and how much was found –, and no part of the service writes URLs down. Proxies before it do: the body is
 * the form to use.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FoundPassage } from '../../ports/search-index.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 20;
const FULL_PASSAGES = 50;
const LONGEST_QUERY = 2000;

const common = { tags: ['search'], headers: SelectOrganization, params: PatientUuid };
const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: `At most so many; ${DEFAULT_LIMIT}.` })),
  after: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: 'What the answer before gave as "next".' }),
  ),
};
const words = Type.String({
  minLength: 1,
  maxLength: LONGEST_QUERY,
  description: 'Words in any order, "words in this order", beginn*. Case and accents do not matter.',
});

const SearchBody = Type.Object({ query: words, ...page }, { additionalProperties: false });
/** That it is missing is told only to those who may ask. */
const SearchQuery = Type.Object({ q: Type.Optional(words), ...page }, { additionalProperties: false });

const Passage = Type.Object(
  {
    documentUuid: Type.String({ format: 'uuid' }),
    documentName: Type.String(),
    page: Type.Integer({ minimum: 1 }),
    start: Type.Integer({ minimum: 0, description: 'In UTF-16 units of the text of the page.' }),
    end: Type.Integer({ minimum: 0 }),
    text: Type.String(),
    highlights: Type.Array(Type.Array(Type.Integer({ minimum: 0 }), { minItems: 2, maxItems: 2 }), {
      description: 'From and to, in "text".',
    }),
    highlighted: Type.String({
      description: 'The text as HTML, what was asked for in <mark>; everything else escaped.',
    }),
    score: Type.Number({ description: 'Comparable within one answer.' }),
  },
  { $id: 'Passage' },
);

const SearchAnswer = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    passages: Type.Array(Passage),
    next: Type.Union([Type.String(), Type.Null()], { description: 'The place to go on "after".' }),
    byMeaning: Type.Boolean({ description: 'Whether meanings were compared as well as words.' }),
  },
  { description: 'The best passages first.' },
);

const FullBody = Type.Object(
  {
    query: words,
    includeExactQuotes: Type.Optional(Type.Boolean({ description: 'Passages always are exact quotes.' })),
    outputFormat: Type.Optional(Type.String({ maxLength: 100, description: 'For a language model; changes nothing.' })),
    actualPrompt: Type.Optional(
      Type.String({ maxLength: 100_000, description: 'For a language model; changes nothing.' }),
    ),
  },
  { additionalProperties: false },
);
const FullQuery = Type.Object({ query: Type.Optional(words) }, { additionalProperties: false });

const FullAnswer = Type.Object(
  {
    content: Type.String({
      description: 'The passages, each with the number of its citation. Empty: nothing was found.',
    }),
    citations: Type.Array(
      Type.Object({
        documentId: Type.String({ format: 'uuid' }),
        documentName: Type.String(),
        pageNumber: Type.Integer({ minimum: 1 }),
        startIndex: Type.Integer({ minimum: 0, description: 'Of the passage in "content".' }),
        endIndex: Type.Integer({ minimum: 0 }),
        citationIndex: Type.Integer({ minimum: 1 }),
      }),
    ),
  },
  { description: 'Without a language model the passages are the answer.' },
);

interface Asked {
  readonly text: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}
type Patient = { Params: { uuid: string } };

export function searchRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const answers = { 200: SearchAnswer, ...refusals(...ACCESS_REFUSALS, 409) };
  const fullAnswers = { 200: FullAnswer, ...refusals(...ACCESS_REFUSALS, 409) };

  app.post<Patient & { Body: { query: string; limit?: number; after?: string } }>(
    '/api/patients/:uuid/search',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Find passages in the documents of a patient',
        operationId: 'searchPatient',
        body: SearchBody,
        response: answers,
      },
    },
    (request) => {
      const { query, limit = DEFAULT_LIMIT, after } = request.body;
      return searchAnswer(request, { text: query, limit, after });
    },
  );

  app.get<Patient & { Querystring: { q?: string; limit?: number; after?: string } }>(
    '/api/patients/:uuid/search',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Find passages, asked for in the address',
        description: 'Addresses are written down by proxies and browsers: prefer the form with a body.',
        operationId: 'searchPatientByAddress',
        querystring: SearchQuery,
        response: answers,
      },
    },
    (request) => {
      const { q, limit = DEFAULT_LIMIT, after } = request.query;
      return searchAnswer(request, { text: q, limit, after });
    },
  );

  app.post<Patient & { Body: { query: string } }>(
    '/api/vector-search/:uuid/query-full',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Ask the documents of a patient',
        operationId: 'queryFull',
        body: FullBody,
        response: fullAnswers,
      },
    },
    (request) => fullAnswer(request, request.body.query),
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
    (request) => fullAnswer(request, request.query.query),
  );

  app.post(
    '/api/query',
    {
      schema: {
        tags: ['search'],
        headers: SelectOrganization,
        summary: 'Ask a question about all patients',
        description:
          'Needs a language model. None can be configured yet: /api/vector-search/{uuid}/query-full answers with passages of one patient, and no index has those of several.',
        operationId: 'query',
        response: refusals(...ACCESS_REFUSALS, 501),
      },
    },
    async (request) => {
      await access.authorize(request, 'documents:read');
      throw noLanguageModel();
    },
  );

  app.post<Patient>(
    '/api/vector-search/:uuid/query',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Begin a conversation about the documents of a patient',
        description: 'Needs a language model. None can be configured yet: query-full answers with passages.',
        operationId: 'queryConversation',
        response: refusals(...ACCESS_REFUSALS, 501),
      },
    },
    async (request) => {
      await patientOf(services, access, request, 'documents:read');
      throw noLanguageModel();
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

  async function search(request: FastifyRequest, { text, limit, after }: Asked) {
    const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
    if (text === undefined) throw new HttpError(400, 'invalid_request', 'What is asked for is missing.');
    return access.audited(
      request,
      { organizationId, action: 'document.search', subject: { kind: 'patient', id: patientUuid } },
      async () => {
        const answer = await services.search.search({ organizationId, patientUuid, text, limit, after });
        const names = await services.desk.names(organizationId, patientUuid, [
          ...new Set(answer.passages.map((passage) => passage.documentUuid)),
        ]);
        // Hidden at once, also when it went to another patient: the index may still have what is removed already.
        const passages = answer.passages.filter((passage) => names.has(passage.documentUuid));
        return { patientUuid, answer, passages, names };
      },
      ({ passages }) => ({ details: { passages: passages.length } }),
    );
  }

  async function searchAnswer(request: FastifyRequest, asked: Asked) {
    const { patientUuid, answer, passages, names } = await search(request, asked);
    return {
      patientUuid,
      passages: passages.map(({ documentUuid, page, start, end, text, highlights, score }) => ({
        documentUuid,
        documentName: names.get(documentUuid) ?? '',
        page,
        start,
        end,
        text,
        highlights,
        highlighted: highlighted({ text, highlights }),
        score,
      })),
      next: answer.next,
      byMeaning: answer.byMeaning,
    };
  }

  async function fullAnswer(request: FastifyRequest, text: string | undefined) {
    const { passages, names } = await search(request, { text, limit: FULL_PASSAGES });
    let content = '';
    const citations = passages.map((passage, i) => {
      if (i > 0) content += '\n\n';
      const startIndex = content.length;
      content += passage.text;
      const endIndex = content.length;
      content += ` [${i + 1}]`;
      return {
        documentId: passage.documentUuid,
        documentName: names.get(passage.documentUuid) ?? '',
        pageNumber: passage.page,
        startIndex,
        endIndex,
        citationIndex: i + 1,
      };
    });
    return { content, citations };
  }
}

function noLanguageModel(): HttpError {
  const message =
    'This needs a language model, and none is configured. POST /api/vector-search/:uuid/query-full answers with passages of one patient.';
  return new HttpError(501, 'language_model_missing', message);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function highlighted({ text, highlights }: Pick<FoundPassage, 'text' | 'highlights'>): string {
  const escaped = (from: number, to: number) => text.slice(from, to).replace(/[&<>"']/g, (c) => ESCAPES[c] ?? c);
  let html = '';
  let at = 0;
  for (const [from, to] of highlights) {
    html += `${escaped(at, from)}<mark>${escaped(from, to)}</mark>`;
    at = to;
  }
  return html + escaped(at, text.length);
}
