/** `/api/v1/documents/…`: documents that no search finds, of all patients – how many and why, which, and have them read again. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE, type ErrorCode } from '../../domain/errors.ts';
import type { NoTextCode, UnreadCause, UnreadDocument } from '../../ports/unread-documents.ts';
import type { Access } from '../access.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 100;
/** Of a key: the UUID of a document. */
const KEY = [/^[0-9a-fA-F-]{36}$/];

const count = (description?: string) => Type.Integer({ minimum: 0, ...(description && { description }) });
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);

const code = Type.String({
  description:
    'A code of docs/errors.md; of a document without text, or with scanned pages without, ocr_missing, ocr_failed, no_text.',
});
const Kind = Type.Enum(['failed', 'without_text'], {
  description:
    'failed: it could not be read or indexed; without_text: it is complete, and nothing of it, or of its scanned pages, can be found.',
});

const Summary = Type.Object(
  {
    waiting: count('To be read.'),
    processing: count('Being read at this moment.'),
    failed: count(),
    without_text: count(),
    causes: Type.Array(
      Type.Object({
        code,
        kind: Kind,
        error: Type.String(),
        remedy: Type.String({ description: 'Helps all of them.' }),
        items: count(),
      }),
      { description: 'How many by their code, the most first.' },
    ),
  },
  { description: 'How many, and why.' },
);

const Listed = Type.Object({
  document_uuid: Type.String({ format: 'uuid' }),
  patient_uuid: Type.String(),
  patient_name: nullable(Type.String()),
  original_name: Type.String(),
  code,
  kind: Kind,
  error: Type.String(),
  remedy: Type.String(),
  warnings: Type.Array(Type.String()),
  processed_at: nullable(Type.String({ format: 'date-time' })),
});

const CODE_PATTERN = '^[a-z_]{1,50}$';
const ListQuery = Type.Object(
  {
    code: Type.Optional(Type.String({ pattern: CODE_PATTERN, description: 'Only with this code.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: `At most so many; ${DEFAULT_LIMIT}.` })),
    after: Type.Optional(Type.String({ maxLength: 600, description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);
const AgainBody = Type.Object(
  { code: Type.String({ pattern: CODE_PATTERN, description: 'Of the summary: all documents with it.' }) },
  { additionalProperties: false },
);

export function unreadDocumentRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['documents'], headers: SelectOrganization };

  app.get(
    '/api/v1/documents/summary',
    {
      schema: {
        ...common,
        summary: 'How many documents no search finds, and why',
        description: 'Documents that are kept on another machine are found there, and are none of them.',
        operationId: 'documentsSummary',
        response: { 200: Summary, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { waiting, processing, causes } = await services.unread.summary(organizationId);
      const sum = (failed: boolean) =>
        causes.reduce((total, cause) => total + (cause.failed === failed ? cause.documents : 0), 0);
      return {
        waiting,
        processing,
        failed: sum(true),
        without_text: sum(false),
        causes: causes.map(causeAnswer),
      };
    },
  );

  app.get<{ Querystring: Type.Static<typeof ListQuery> }>(
    '/api/v1/documents/unread',
    {
      schema: {
        ...common,
        summary: 'Documents that could not be read, or have no text, or not on all pages',
        operationId: 'unreadDocuments',
        querystring: ListQuery,
        response: {
          200: Type.Object(
            {
              documents: Type.Array(Listed),
              next: Type.Union([Type.String(), Type.Null()], { description: 'For `after`; null on the last page.' }),
            },
            { description: 'A page of them, in the order of their UUIDs.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      const { code: only, limit = DEFAULT_LIMIT, after } = request.query;
      const [from = null] = decodeKey(after, KEY) ?? [];
      return access.audited(
        request,
        { organizationId, action: 'document.list', details: { part: 'unread' } },
        async () => {
          const page = await services.unread.list(organizationId, { code: only ?? null, limit, after: from });
          return {
            documents: page.documents.map(documentAnswer),
            next: encodeKey(page.next === null ? null : [page.next]),
          };
        },
        ({ documents }) => ({ details: { documents: documents.length } }),
      );
    },
  );

  app.post<{ Body: { code: string } }>(
    '/api/v1/documents/reprocess',
    {
      schema: {
        ...common,
        summary: 'Have all documents of one cause read again',
        description:
          'What there is of them stays until there is something new. They are read after those that a source brings.',
        operationId: 'reprocessDocuments',
        body: AgainBody,
        response: {
          202: Type.Object(
            { success: Type.Literal(true), queued: count() },
            { description: 'So many wait to be read again.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'documents:write');
      // Of one patient, whoever may see no other.
      if (access.patientOf(request) !== null) throw new HttpError(404, 'not_found', 'No such documents.');
      const queued = await access.audited(
        request,
        { organizationId, action: 'document.reprocess', details: { code: request.body.code } },
        () => services.unread.readAgain(organizationId, request.body.code),
        (documents) => ({ details: { documents } }),
      );
      return reply.status(202).send({ success: true, queued });
    },
  );
}

/** Of a document that is complete. */
const NO_TEXT: Readonly<Record<NoTextCode, { readonly error: string; readonly remedy: string }>> = {
  ocr_missing: {
    error: 'Scanned pages could not be read: Tesseract is not installed.',
    remedy: 'Install Tesseract ("apt-get install tesseract-ocr"). The documents are then read again by themselves.',
  },
  ocr_failed: {
    error: 'The text recognition failed on scanned pages.',
    remedy: 'See whether Tesseract has data for the languages of ocrLanguages, and have the documents read again.',
  },
  no_text: {
    error: 'No text was found: blank pages, or pictures without words.',
    remedy: 'Look at the documents: what is not to be read by a program is not found by a search.',
  },
};

function told({ code, failed }: Pick<UnreadCause, 'code' | 'failed'>) {
  if (!failed) return NO_TEXT[code as NoTextCode];
  const known = ERROR_CATALOGUE[code as ErrorCode] ?? ERROR_CATALOGUE.unexpected;
  return { error: known.summary, remedy: known.remedy };
}

function causeAnswer(cause: UnreadCause) {
  return { code: cause.code, kind: kindOf(cause), ...told(cause), items: cause.documents };
}

function documentAnswer(document: UnreadDocument) {
  const { error, remedy } = told(document);
  return {
    document_uuid: document.documentUuid,
    patient_uuid: document.patientUuid,
    patient_name: document.patientName,
    original_name: document.originalName,
    code: document.code,
    kind: kindOf(document),
    error: document.reason ?? error,
    remedy,
    warnings: [...document.warnings],
    processed_at: document.processedAt,
  };
}

function kindOf({ failed }: { readonly failed: boolean }) {
  return failed ? 'failed' : 'without_text';
}
