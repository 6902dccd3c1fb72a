/**
 * `/api/patients/:uuid/search`: words in the documents of one patient.
 *
 * What is asked for is personal data as much as what is found. Neither is logged, traced or audited – the audit log has the
 * caller, the patient and how much was found –, and no part of the service writes URLs down. Proxies before it do: the body is
 * the form to use.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FoundPassage } from '../../ports/search-index.ts';
import type { Access } from '../access.ts';
import { PatientUuid } from '../document-access.ts';
import { NotSearched, SearchWords, searchPatient } from '../patient-passages.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 20;

const common = { tags: ['search'], headers: SelectOrganization, params: PatientUuid };
const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: `At most so many; ${DEFAULT_LIMIT}.` })),
  after: Type.Optional(
    Type.String({ pattern: '^[1-9][0-9]{0,3}$', description: 'What the answer before gave as "next".' }),
  ),
};
const SearchBody = Type.Object({ query: SearchWords, ...page }, { additionalProperties: false });
/** That it is missing is told only to those who may ask. */
const SearchQuery = Type.Object({ q: Type.Optional(SearchWords), ...page }, { additionalProperties: false });

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
    notSearched: NotSearched,
  },
  { description: 'The best passages first.' },
);

interface Asked {
  readonly text: string | undefined;
  readonly limit: number;
  readonly after?: string | undefined;
}
type Patient = { Params: { uuid: string } };

export function searchRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const answers = { 200: SearchAnswer, ...refusals(...ACCESS_REFUSALS, 409) };

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

  async function searchAnswer(request: FastifyRequest, asked: Asked) {
    const { place, answer, passages, notSearched } = await searchPatient(services, access, request, asked);
    return {
      patientUuid: place.patientUuid,
      passages: passages.map(({ documentUuid, documentName, page, start, end, text, highlights, score }) => ({
        documentUuid,
        documentName,
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
      notSearched,
    };
  }
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
