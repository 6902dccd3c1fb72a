/** `/api/v1/filesets`: patients that documents are kept of, and what was removed of one. */
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { normaliseUuid } from '../../domain/reference.ts';
import type { Fileset } from '../../ports/fileset-reports.ts';
import type { Access } from '../access.ts';
import { knownPatientOf, PatientUuid } from '../document-access.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 100;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const instant = () => nullable(Type.String({ format: 'date-time' }));
const limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 500, description: `At most so many; ${DEFAULT_LIMIT}.` }),
);

const FilesetAnswer = Type.Object(
  {
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    patientName: text(),
    patientDob: nullable(Type.String({ description: 'As the source writes it.' })),
    gender: text(),
    activatedUse: Type.Boolean(),
    activatedUseTime: instant(),
    documents: Type.Integer({ minimum: 0, description: 'Live ones.' }),
    connections: Type.Array(Type.String(), { description: 'That fill it, or would when it is activated.' }),
    removedAt: nullable(Type.String({ format: 'date-time', description: 'Null: it is not removed.' })),
    updatedAt: Type.String({ format: 'date-time' }),
  },
  { $id: 'Fileset' },
);

const FilesetsAnswer = Type.Object(
  {
    filesets: Type.Array(FilesetAnswer),
    next: nullable(Type.String({ format: 'uuid', description: 'For "after"; null on the last page.' })),
  },
  { description: 'A page, in the order of names.' },
);

type SearchBody = Static<typeof SearchBody>;
const SearchBody = Type.Object(
  {
    query: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'Part of a name, or a whole UUID. Absent: all.' }),
    ),
    withDocuments: Type.Optional(
      Type.Boolean({ description: 'True: only those with documents. A source may have many others.' }),
    ),
    removed: Type.Optional(
      Type.Boolean({ description: 'True: those who were removed, and only those; else they are not found.' }),
    ),
    limit,
    after: Type.Optional(Type.String({ format: 'uuid', description: '"next" of the page before.' })),
  },
  { additionalProperties: false },
);

const RemovedAnswer = Type.Object(
  {
    patientUuid: Type.String({ format: 'uuid' }),
    documents: Type.Array(
      Type.Object({
        silknoteDocumentUuid: Type.String({ format: 'uuid' }),
        originalName: Type.String(),
        removedAt: Type.String({ format: 'date-time' }),
        reason: nullable(
          Type.String({ description: 'person, or why a run removed it: deleted, missing, gone or reassigned.' }),
        ),
        syncId: nullable(Type.String({ description: 'The run that removed it.' })),
        restorable: Type.Boolean({ description: 'Its content is still stored.' }),
        contentUntil: nullable(
          Type.String({ format: 'date-time', description: 'From then on the content may go. Null: nothing ends.' }),
        ),
      }),
    ),
    next: text(),
  },
  { description: 'A page, what was removed last first.' },
);

export function filesetRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['documents'], headers: SelectOrganization };

  app.post<{ Body: SearchBody }>(
    '/api/v1/filesets/search',
    {
      schema: {
        ...shared,
        summary: 'Find patients',
        description:
          'Everybody whom a source has is among them once a run has read it, also without documents. What is asked for is personal data: it stands in the body, and in no log.',
        operationId: 'searchFilesets',
        body: SearchBody,
        response: { 200: FilesetsAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:read');
      const { query, withDocuments = false, removed = false, limit = DEFAULT_LIMIT, after } = request.body;
      const wanted = query?.trim() ?? '';
      return access.audited(
        request,
        { organizationId, action: 'fileset.search' },
        async () => {
          const page = await services.filesets.filesets({
            organizationId,
            text: wanted === '' ? null : wanted,
            withDocuments,
            removed,
            limit,
            after: after === undefined ? null : normaliseUuid(after),
          });
          return { filesets: page.filesets.map(answerOf), next: page.next };
        },
        ({ filesets }) => ({ details: { items: filesets.length } }),
      );
    },
  );

  app.get(
    '/api/v1/filesets/:uuid',
    {
      schema: {
        ...shared,
        summary: 'The fileset of a patient',
        description: 'Also of one that was removed: removedAt says so.',
        operationId: 'fileset',
        params: PatientUuid,
        response: { 200: { ...FilesetAnswer, description: 'The fileset.' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const known = await knownPatientOf(services, access, request, 'documents:read');
      const { organizationId, patientUuid, fileset } = known;
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'fileset.read', subject });
      return answerOf(fileset);
    },
  );

  app.get<{ Querystring: { limit?: number; after?: string } }>(
    '/api/patients/:uuid/removed-documents',
    {
      schema: {
        ...shared,
        summary: 'Documents of a patient that were removed',
        description: 'Also of a removed patient, whom each of them brings back when it is restored.',
        operationId: 'removedDocuments',
        params: PatientUuid,
        querystring: Type.Object(
          { limit, after: Type.Optional(Type.String({ maxLength: 600, description: '"next" of the page before.' })) },
          { additionalProperties: false },
        ),
        response: { 200: RemovedAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await knownPatientOf(services, access, request, 'documents:read');
      const { limit = DEFAULT_LIMIT, after } = request.query;
      const page = { limit, after: decodeKey(after) };
      return access.audited(
        request,
        { organizationId, action: 'document.list', subject: { kind: 'patient', id: patientUuid } },
        async () => {
          const { documents, next } = await services.filesets.removed(organizationId, patientUuid, page);
          return {
            patientUuid,
            documents: documents.map(({ documentUuid, runId, ...document }) => ({
              silknoteDocumentUuid: documentUuid,
              ...document,
              syncId: runId,
            })),
            next: encodeKey(next),
          };
        },
        ({ documents }) => ({ details: { removed: documents.length } }),
      );
    },
  );
}

function answerOf(fileset: Fileset) {
  return {
    silknotePatientUuid: fileset.patientUuid,
    patientName: fileset.name,
    patientDob: fileset.birthDate,
    gender: fileset.gender,
    activatedUse: fileset.activated,
    activatedUseTime: fileset.activatedAt,
    documents: fileset.documents,
    connections: [...fileset.connectionIds],
    removedAt: fileset.removedAt,
    updatedAt: fileset.updatedAt,
  };
}
