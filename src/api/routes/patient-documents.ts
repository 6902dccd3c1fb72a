/** `/api/patients/:uuid/documents`: which documents a patient has, and how far each is. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { ERROR_CATALOGUE, type ErrorCode } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { DeskDocument, DeskPage } from '../../ports/document-desk.ts';
import { DOCUMENT_STAGES } from '../../ports/document-work.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { Alert } from '../medical-document.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 200;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const instant = () => nullable(Type.String({ format: 'date-time' }));

const DocumentState = Type.Object(
  {
    silknoteDocumentUuid: Type.String({ format: 'uuid' }),
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    clientFileId: text(),
    vsrxReference: text(),
    originalName: Type.String(),
    title: text(),
    category: text(),
    sourceSystem: Type.String(),
    status: Type.String({ description: 'stored, queued, processing, complete or error.' }),
    stage: nullable(Type.Enum([...DOCUMENT_STAGES], { description: 'While it is processing.' })),
    error: nullable(
      Type.Object(
        { code: Type.String(), message: Type.String(), remedy: text() },
        { description: 'Why its content cannot be read. The document itself can be fetched as before.' },
      ),
    ),
    mimeType: nullable(Type.String({ description: 'By its bytes, when they were read.' })),
    sizeBytes: Type.Integer({ minimum: 0 }),
    hash: Type.String({ description: 'SHA-256 of the content.' }),
    pageCount: nullable(Type.Integer({ minimum: 0 })),
    textPages: nullable(
      Type.Integer({
        minimum: 0,
        description:
          'Pages with text. 0: nothing of it can be found. Null: not read yet, or some, in a document that was read before they were counted.',
      }),
    ),
    documentDate: nullable(Type.String({ description: 'A guess, YYYY-MM-DD.' })),
    uploadDate: instant(),
    processedAt: instant(),
    hasThumbnail: Type.Boolean(),
    warnings: Type.Array(Type.String(), {
      description: 'What was not read or shown, though the rest was. See docs/documents.md.',
    }),
    keptOn: nullable(
      Type.String({
        description: 'The machine to whose document service it goes, which reads and finds it. Null: that is here.',
      }),
    ),
    groupingStatus: Type.String({ description: 'ungrouped or grouped.' }),
    alerts: Type.Array(Alert, { description: 'Those that nobody has acknowledged.' }),
  },
  { $id: 'DocumentState' },
);

const ListAnswer = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    count: Type.Integer({ minimum: 0, description: 'Of all documents of the patient.' }),
    documents: Type.Array(DocumentState),
    next: text(),
  },
  { description: 'A page of the documents.' },
);

const ListQuery = Type.Object(
  {
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1000, description: `At most so many; ${DEFAULT_LIMIT}.` }),
    ),
    after: Type.Optional(
      Type.String({ maxLength: 600, description: 'What the page before gave as "next", in the same order.' }),
    ),
    order: Type.Optional(
      Type.Enum(['uuid', 'newest'], {
        description: 'newest: by the time of their upload, the newest first. Default: by their UUIDs.',
      }),
    ),
  },
  { additionalProperties: false },
);

type ReadPage = (
  organizationId: string,
  patientUuid: string,
) => Promise<Omit<DeskPage, 'next'> & { readonly next: string | null }>;

export function patientDocumentRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  /** @throws HttpError 400 */
  function byUuid(limit: number, after: string | undefined): ReadPage {
    const from = after === undefined ? undefined : normaliseUuid(after);
    if (from === null) throw new HttpError(400, 'invalid_request', '"after" is what the page before gave as "next".');
    const page = { limit, ...(from === undefined ? {} : { after: from }) };
    return (organizationId, patientUuid) => services.desk.list(organizationId, patientUuid, page);
  }

  /** @throws HttpError 400 */
  function newest(limit: number, after: string | undefined): ReadPage {
    const page = { limit, after: decodeKey(after, NEWEST_KEY) };
    return async (organizationId, patientUuid) => {
      const { next, ...found } = await services.desk.listNewest(organizationId, patientUuid, page);
      return { ...found, next: encodeKey(next) };
    };
  }

  app.get<{ Params: { uuid: string }; Querystring: Type.Static<typeof ListQuery> }>(
    '/api/patients/:uuid/documents',
    {
      config: { component: 'patient' },
      schema: {
        summary: 'The documents of a patient and how far each is',
        operationId: 'patientDocuments',
        tags: ['documents'],
        headers: SelectOrganization,
        params: PatientUuid,
        querystring: ListQuery,
        response: { 200: ListAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const { limit = DEFAULT_LIMIT, after, order = 'uuid' } = request.query;
      const page = order === 'newest' ? newest(limit, after) : byUuid(limit, after);
      return access.audited(
        request,
        { organizationId, action: 'document.list', subject: { kind: 'patient', id: patientUuid } },
        async () => {
          const { documents, total, next } = await page(organizationId, patientUuid);
          return {
            patientUuid,
            count: total,
            documents: documents.map((one) => stateOf(one, organizationId, services)),
            next,
          };
        },
        ({ documents }) => ({ details: { documents: documents.length } }),
      );
    },
  );
}

/** Of a key: when it was uploaded, and its UUID. */
const NEWEST_KEY = [/^-?\d{1,18}$/, /^[0-9a-fA-F-]{36}$/];

function stateOf(document: DeskDocument, organizationId: string, { keptOn }: Pick<ApiServices, 'keptOn'>) {
  const { rendition, errorCode } = document;
  const made = rendition?.verdict === 'processed' ? rendition : null;
  return {
    silknoteDocumentUuid: document.documentUuid,
    silknotePatientUuid: document.patientUuid,
    clientFileId: document.clientFileId,
    vsrxReference: document.reference,
    originalName: document.originalName,
    title: document.title,
    category: document.category,
    sourceSystem: document.sourceSystem,
    status: document.status,
    stage: document.stage,
    error: errorCode === null ? null : errorOf(errorCode, rendition?.verdict === 'refused' ? rendition.reason : null),
    mimeType: rendition?.detectedType ?? document.mimeType,
    sizeBytes: document.sizeBytes,
    hash: document.sha256,
    pageCount: made?.pageCount ?? null,
    textPages: made?.textPages ?? null,
    documentDate: made?.documentDate?.date ?? null,
    uploadDate: document.uploadedAt,
    processedAt: document.processedAt,
    hasThumbnail: made !== null && made.thumbnail !== null,
    warnings: [...(made?.warnings ?? [])],
    keptOn: keptOn(organizationId, document.connectionId),
    groupingStatus: document.groupingStatus,
    alerts: document.alerts.filter(({ acknowledged }) => !acknowledged),
  };
}

function errorOf(code: string, reason: string | null) {
  const known = ERROR_CATALOGUE[code as ErrorCode];
  return { code, message: reason ?? known?.summary ?? code, remedy: known?.remedy ?? null };
}
