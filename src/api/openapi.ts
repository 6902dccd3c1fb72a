/** The description of the interface, `/openapi.json`: made from the schemas of the routes, what they share said once. */
import fastifySwagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { ACCESS_EXAMPLES } from './examples/access.ts';
import { ALERT_EXAMPLES } from './examples/alerts.ts';
import { BOOK_EXAMPLES } from './examples/book.ts';
import { CLINIC_EXAMPLES } from './examples/clinic.ts';
import { CONNECTION_EXAMPLES } from './examples/connections.ts';
import { DOCUMENT_EXAMPLES } from './examples/documents.ts';
import type { Example, Examples } from './examples/practice.ts';
import { RUN_EXAMPLES } from './examples/runs.ts';
import { INTRODUCTION, TAGS } from './introduction.ts';
import { REFUSAL_REFERENCE, Refusal, refusalComponent, refusalReference, refusals } from './refusals.ts';
import { ORGANIZATION_HEADER } from './schemas.ts';

/** As far as this looks into a description. */
interface Operation {
  operationId: string;
  readonly requestBody?: { required: boolean; readonly content: Record<string, Content> };
  readonly parameters?: (Reference | { readonly name: string })[];
  readonly responses: Record<string, Reference | { readonly content?: Record<string, Content> }>;
}
interface Content {
  readonly schema: { readonly $ref?: string; readonly anyOf?: readonly { readonly type?: string }[] };
  example?: unknown;
}
interface Reference {
  readonly $ref: string;
}
interface Description {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: object;
}

const JSON_TYPE = 'application/json';
const EXAMPLES: Examples = {
  ...RUN_EXAMPLES,
  ...CONNECTION_EXAMPLES,
  ...ACCESS_EXAMPLES,
  ...CLINIC_EXAMPLES,
  ...DOCUMENT_EXAMPLES,
  ...BOOK_EXAMPLES,
  ...ALERT_EXAMPLES,
};

/** Before any route. */
export async function describeRoutes(app: FastifyInstance, version: string): Promise<void> {
  app.addSchema(Refusal);
  // What the framework itself may answer is described once for all routes: to a body, to an id in the path.
  app.addHook('onRoute', (route) => {
    const response = route.schema?.response as Record<string, unknown> | undefined;
    if (response === undefined) return;
    const method = Array.isArray(route.method) ? route.method : [route.method];
    const mayHaveBody = method.some((name) => name !== 'GET' && name !== 'HEAD');
    Object.assign(response, {
      ...(mayHaveBody ? refusals(413, 415) : {}),
      ...(route.url.includes(':') ? refusals(414) : {}),
      ...response,
    });
  });
  await app.register(fastifySwagger, {
    exposeHeadRoutes: true,
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `Schema${i}`) },
    transformObject: (made) => ('openapiObject' in made ? finished(made.openapiObject as Description) : {}),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Chartsync',
        version,
        description: INTRODUCTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // Wherever the description was fetched from.
      servers: [{ url: '/' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        },
      },
      security: [{ bearer: [] }, { key: [] }],
    },
  });
}

function finished(document: Description): Description {
  const components = { ...document.components, responses: {}, parameters: {} };
  for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
    // The package tells a HEAD route from the GET route that it comes with; here each has a name of its own.
    operation.operationId = operation.operationId.replace(/-head$/, '');
    // It also takes every body for one that must be there.
    const body = operation.requestBody?.content[JSON_TYPE]?.schema.anyOf;
    if (body?.some(({ type }) => type === 'null')) operation.requestBody!.required = false;
    show(operation, EXAMPLES[operation.operationId]);
    share(operation, components);
  }
  return { ...document, components };
}

function show({ requestBody, responses }: Operation, example: Example | undefined): void {
  const body = requestBody?.content[JSON_TYPE];
  if (body !== undefined && example?.body !== undefined) body.example = example.body;
  for (const [status, answer] of Object.entries(example?.answers ?? {})) {
    const response = responses[status];
    const content = response !== undefined && 'content' in response ? response.content?.[JSON_TYPE] : undefined;
    if (content !== undefined) content.example = answer;
  }
}

/** Refusals and the header of the organisation are the same nearly everywhere: the routes only name them. */
function share({ parameters, responses }: Operation, components: { responses: object; parameters: object }): void {
  for (const [status, response] of Object.entries(responses)) {
    const content = 'content' in response ? response.content?.[JSON_TYPE] : undefined;
    if (content?.schema.$ref !== REFUSAL_REFERENCE) continue;
    responses[status] = refusalReference(status);
    Object.assign(components.responses, refusalComponent(status));
  }
  for (const [i, parameter] of parameters?.entries() ?? []) {
    if (!('name' in parameter) || parameter.name !== ORGANIZATION_HEADER) continue;
    Object.assign(components.parameters, { Organization: parameter });
    parameters![i] = { $ref: '#/components/parameters/Organization' };
  }
}
