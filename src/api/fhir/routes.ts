/** `/fhir`: copied patients, appointments, practitioners and places as FHIR R4, to read and to search. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Page } from '../../ports/clinic-reports.ts';
import type { Access } from '../access.ts';
import { HttpError, handleError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { capabilityStatement } from './capabilities.ts';
import type { Parameters } from './parameters.ts';
import type { Resource } from './resources.ts';
import { KINDS, type SearchKind } from './search.ts';

const FHIR_JSON = 'application/fhir+json';
const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;

const anything = (description: string) => ({
  description,
  content: { [FHIR_JSON]: { schema: { type: 'object', additionalProperties: true } } },
});

/** Refusals are OperationOutcomes here. */
const REFUSED = Object.fromEntries(
  [...ACCESS_REFUSALS, 413, 414, 415].map((status) => [status, anything('An OperationOutcome that says why.')]),
);

const EVERYWHERE = ['_id', '_count', '_lastUpdated', '_page', '_format', '_summary', 'identifier'];
/** A name may be given again, and then both count. */
const OneOrMore = Type.Union([Type.String(), Type.Array(Type.String())]);

export function fhirRoutes(app: FastifyInstance, services: ApiServices, access: Access, version: string): void {
  const shared = { tags: ['fhir'], headers: SelectOrganization };
  // Refusals in FHIR's own shape.
  app.addHook('preSerialization', async (_request, reply, payload: unknown) => {
    if (!isRefusal(payload)) return payload;
    reply.type(FHIR_JSON);
    return outcomeOf(reply.statusCode, payload.error);
  });
  app.setNotFoundHandler((request, reply) => {
    handleError(new HttpError(404, 'not_found', 'There is no such route.'), request, reply);
  });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, parametersOf(new URLSearchParams(String(body))));
  });

  app.get(
    '/metadata',
    {
      schema: {
        ...shared,
        summary: 'What this FHIR server can do',
        operationId: 'fhirMetadata',
        response: { 200: anything('A CapabilityStatement.'), ...REFUSED },
      },
    },
    async (request, reply) => {
      await access.authorizeAll(request, 'records:read');
      return reply.type(FHIR_JSON).send(capabilityStatement(version));
    },
  );

  for (const kind of KINDS) {
    app.get<{ Params: { id: string } }>(
      `/${kind.type}/:id`,
      {
        schema: {
          ...shared,
          summary: `One ${kind.type}`,
          operationId: `fhirRead${kind.type}`,
          params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
          response: { 200: anything(`A ${kind.type}.`), ...REFUSED },
        },
      },
      async (request, reply) => {
        const organizationId = await access.authorize(request, 'records:read');
        const { items } = await kind.find(services.clinic, organizationId, {
          limit: 1,
          after: null,
          parameters: { _id: [request.params.id] },
          deleted: true,
        });
        const [found] = items;
        if (found === undefined) throw new HttpError(404, 'not_found', `No such ${kind.type}.`);
        const subject = { kind: kind.type.toLowerCase(), id: found.id };
        await access.note(request, { organizationId, action: 'fhir.read', subject });
        const { lastUpdated } = found.meta as { lastUpdated: string };
        return reply
          .type(FHIR_JSON)
          .header('last-modified', new Date(lastUpdated).toUTCString())
          .header('etag', `W/"${Date.parse(lastUpdated)}"`)
          .send(found);
      },
    );

    const search = async (
      request: FastifyRequest,
      reply: FastifyReply,
      given: Parameters,
      personal: boolean,
    ): Promise<unknown> => {
      const organizationId = await access.authorize(request, 'records:read');
      const { parameters, ignored } = understood(kind, given, personal, isLenient(request));
      const page = await kind.find(services.clinic, organizationId, {
        limit: countOf(parameters),
        after: decodeKey(parameters._page?.[0]),
        parameters,
        deleted: false,
      });
      const action = 'fhir.search';
      await access.note(request, { organizationId, action, details: { type: kind.type, items: page.items.length } });
      return reply.type(FHIR_JSON).send(bundleOf(kind, page, parameters, personal, ignored));
    };

    app.get<{ Querystring: Record<string, string | string[]> }>(
      `/${kind.type}`,
      {
        schema: {
          ...shared,
          summary: `Search for ${kind.type}`,
          description: `Parameters: ${kind.parameters.join(', ')}, _id, _count, _lastUpdated, _summary=count, identifier. A value may be a list with commas, of which one has to fit; a date may be a year or a month, with a prefix; dates and _id that are given again narrow. _count=0 answers with the number of matches only. Unknown parameters are refused, or ignored with the header Prefer: handling=lenient. Personal data never stands in a URL: search by it with POST _search.`,
          operationId: `fhirSearch${kind.type}`,
          querystring: Type.Object(
            Object.fromEntries([...EVERYWHERE, ...kind.parameters].map((name) => [name, Type.Optional(OneOrMore)])),
          ),
          response: { 200: anything('A Bundle of type searchset.'), ...REFUSED },
        },
      },
      (request, reply) => search(request, reply, listsOf(request.query), false),
    );

    app.post<{ Body: Parameters | undefined }>(
      `/${kind.type}/_search`,
      {
        schema: {
          ...shared,
          summary: `Search for ${kind.type} with parameters in the body`,
          description: `As GET, and also: ${kind.personal.join(', ') || 'nothing else'}. A search by these has one page: ask for more with _count.`,
          operationId: `fhirPostSearch${kind.type}`,
          consumes: ['application/x-www-form-urlencoded'],
          response: { 200: anything('A Bundle of type searchset.'), ...REFUSED },
        },
      },
      (request, reply) => search(request, reply, request.body ?? {}, true),
    );
  }
}

function isRefusal(payload: unknown): payload is { readonly error: string } {
  return typeof payload === 'object' && payload !== null && 'success' in payload && payload.success === false;
}

function parametersOf(search: URLSearchParams): Parameters {
  const parameters: Record<string, string[]> = {};
  for (const [name, value] of search) {
    if (name.length > 60 || value.length > 500 || /\0/.test(value) || !value.isWellFormed()) {
      throw new HttpError(400, 'invalid_request', 'A parameter cannot be understood.');
    }
    if (!Object.hasOwn(parameters, name)) parameters[name] = [];
    parameters[name]?.push(value);
  }
  return parameters;
}

function listsOf(query: Record<string, string | string[]>): Parameters {
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) search.append(name, value);
  return parametersOf(search);
}

/** Whether the client asks that parameters which are not known be passed over (R4, "Search", `Prefer`). */
function isLenient(request: FastifyRequest): boolean {
  return [request.headers.prefer ?? []].flat().some((value) => /(^|[\s,;])handling\s*=\s*"?lenient\b/i.test(value));
}

/**
 * A parameter that is passed over answers another question than was asked: only when the client asks for that, and never one that
 * is known with a modifier, or personal data in a URL.
 */
function understood(
  kind: SearchKind,
  given: Parameters,
  personal: boolean,
  lenient: boolean,
): { parameters: Parameters; ignored: string[] } {
  const parameters: Record<string, readonly string[] | undefined> = {};
  const ignored: string[] = [];
  for (const [name, values] of Object.entries(given)) {
    const [base = '', modifier] = name.split(/[:.]/, 2);
    const isPersonal = kind.personal.includes(base);
    const isKnown = EVERYWHERE.includes(base) || kind.parameters.includes(base) || isPersonal;
    if (isPersonal && !personal) {
      throw new HttpError(
        400,
        'invalid_request',
        `Search by ${base} with POST ${kind.type}/_search: it is personal data.`,
      );
    }
    if (isKnown && modifier !== undefined) {
      throw new HttpError(400, 'invalid_request', `${base} is searched for without a modifier.`);
    }
    if (isKnown) parameters[name] = values;
    else if (lenient) ignored.push(name);
    else throw new HttpError(400, 'invalid_request', `${kind.type} has no such search parameter.`);
  }
  return { parameters, ignored };
}

/** @returns 0 when only the number of matches is asked for */
function countOf(parameters: Parameters): number {
  const summary = parameters._summary?.[0];
  if (summary !== undefined && summary !== 'count' && summary !== 'false')
    throw new HttpError(400, 'invalid_request', '_summary is count or false.');
  if (summary === 'count') return 0;
  const asked = Number(parameters._count?.[0] || DEFAULT_COUNT);
  if (!Number.isInteger(asked) || asked < 0) throw new HttpError(400, 'invalid_request', '_count is a number from 0.');
  return Math.min(asked, MAX_COUNT);
}

function bundleOf(
  kind: SearchKind,
  page: Page<Resource>,
  parameters: Parameters,
  personal: boolean,
  ignored: readonly string[],
): object {
  // What was sent in a body does not get into a URL, and without it the next page would be of another question.
  const isPersonal = personal && kind.personal.some((name) => parameters[name] !== undefined);
  const next = isPersonal ? null : encodeKey(page.next);
  const link = (pageKey: string | null) => {
    const search = new URLSearchParams();
    for (const [name, values] of Object.entries(parameters)) {
      if (name === '_page' || (personal && kind.personal.includes(name))) continue;
      for (const value of values ?? []) search.append(name, value);
    }
    if (pageKey !== null) search.set('_page', pageKey);
    const text = search.toString();
    return `${kind.type}${text === '' ? '' : `?${text}`}`;
  };
  const entry = [
    ...page.items.map((resource) => ({
      fullUrl: `urn:uuid:${resource.id}`,
      resource,
      search: { mode: 'match' },
    })),
    ...(ignored.length === 0 ? [] : [ignoredEntry(ignored.length)]),
  ];
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    link: [
      { relation: 'self', url: link(parameters._page?.[0] ?? null) },
      ...(next === null ? [] : [{ relation: 'next', url: link(next) }]),
    ],
    ...(page.total === undefined ? {} : { total: page.total }),
    ...(entry.length === 0 && page.total !== undefined ? {} : { entry }),
  };
}

/** What was passed over is told with the matches. Names that nobody offers are not repeated: they may hold anything. */
function ignoredEntry(count: number): object {
  const text = `${count} search parameters are not known and were ignored.`;
  const issue = [{ severity: 'warning', code: 'not-supported', details: { text } }];
  return {
    fullUrl: `urn:uuid:${randomUUID()}`,
    resource: { resourceType: 'OperationOutcome', issue },
    search: { mode: 'outcome' },
  };
}

const ISSUES: Readonly<Record<number, string>> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  429: 'throttled',
  503: 'transient',
};

function outcomeOf(status: number, text: string): object {
  const code = ISSUES[status] ?? (status >= 500 ? 'exception' : 'processing');
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, details: { text } }] };
}
