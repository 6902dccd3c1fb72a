/** `/api/patients/:uuid/groups`: documents that a person puts together, and the PDF of all of them. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { ERROR_CATALOGUE, type ErrorCode } from '../../domain/errors.ts';
import { blobName } from '../../ports/blob-store.ts';
import type { DocumentGroup } from '../../ports/document-groups.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import { type ApiServices, timeZoneOf } from '../services.ts';

const uuid = () => Type.String({ format: 'uuid' });
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);

const group = {
  id: Type.String(),
  silknotePatientUuid: uuid(),
  title: nullable(Type.String()),
  createdAt: Type.String({ format: 'date-time' }),
  createdBy: Type.String(),
  status: Type.Enum(['waiting', 'complete', 'error'], {
    description: 'waiting: the PDF of the present documents is still to be made; error: it cannot be made.',
  }),
  error: nullable(Type.Object({ code: Type.String(), message: Type.String(), remedy: nullable(Type.String()) })),
  pageCount: nullable(Type.Integer({ minimum: 1 })),
  documents: Type.Array(
    Type.Object({
      silknoteDocumentUuid: uuid(),
      originalName: Type.String(),
      removed: Type.Boolean({ description: 'It was removed, and is in the PDF again when it is restored.' }),
      firstPage: nullable(Type.Integer({ minimum: 1, description: 'In the PDF; null: it is not in it.' })),
    }),
    { description: 'In their order.' },
  ),
};
const Created = Type.Object(group, { description: 'The group; its PDF is made within seconds.' });
const Same = Type.Object(group, { description: 'These documents, in this order, are a group already.' });
const One = Type.Object(group, { description: 'The group.' });
const Reordered = Type.Object(
  {
    ...group,
    formerDocumentIds: Type.Array(uuid(), { description: 'The order until now; given again, it undoes this.' }),
  },
  { description: 'The group in this order; its PDF is made within seconds.' },
);
const List = Type.Object(
  { patientUuid: uuid(), groups: Type.Array(Type.Object(group)) },
  { description: 'The oldest first.' },
);
const Proposals = Type.Object(
  {
    patientUuid: uuid(),
    proposals: Type.Array(
      Type.Object({
        date: Type.String({ description: 'Of the text of the documents, else of their upload (UTC).' }),
        type: Type.String({ description: 'Category, else MIME type.' }),
        documents: Type.Array(Type.Object({ silknoteDocumentUuid: uuid(), originalName: Type.String() })),
      }),
    ),
  },
  { description: 'Nothing is grouped unless somebody does it.' },
);
const CreateBody = Type.Object(
  {
    documentIds: Type.Array(uuid(), { minItems: 2, maxItems: 200, uniqueItems: true, description: 'In this order.' }),
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  },
  { additionalProperties: false },
);

const OrderBody = Type.Object(
  {
    documentIds: Type.Array(uuid(), {
      minItems: 2,
      maxItems: 200,
      uniqueItems: true,
      description: 'All documents of the group, removed ones included, in the order that they shall have.',
    }),
  },
  { additionalProperties: false },
);

type Named = { Params: { uuid: string } };
type One = { Params: { uuid: string; groupId: string } };

export function groupRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['documents'], headers: SelectOrganization, params: PatientUuid };
  const one = { ...common, params: Type.Object({ ...PatientUuid.properties, groupId: Type.String() }) };
  const config = { component: 'patient' } as const;

  app.post<Named & { Body: { documentIds: string[]; title?: string } }>(
    '/api/patients/:uuid/groups',
    {
      config,
      schema: {
        ...common,
        summary: 'Put documents of a patient together',
        description: 'The documents stay as they are, apart from groupingStatus. A document is in one group at most.',
        operationId: 'createGroup',
        body: CreateBody,
        response: { 200: Same, 201: Created, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const documentUuids = [...new Set(request.body.documentIds.map((id) => id.toLowerCase()))];
      if (documentUuids.length < 2) throw new HttpError(400, 'invalid_request', 'A group has two documents or more.');
      const { kind, id: by } = access.principalOf(request);
      const result = await services.groups.create(
        {
          organizationId,
          patientUuid,
          id: `group_${randomUUID()}`,
          title: request.body.title ?? null,
          documentUuids,
          by: `${kind} ${by}`,
        },
        (id) =>
          auditEntry(
            access.deedOf(request, {
              organizationId,
              action: 'group.create',
              subject: { kind: 'group', id },
              details: { patient: patientUuid, documents: documentUuids.length },
            }),
          ),
      );
      if (result.outcome === 'no_document') throw new HttpError(404, 'not_found', 'No such document of this patient.');
      if (!('group' in result)) {
        throw new HttpError(409, 'document_grouped', 'One of the documents is in another group. Ungroup that first.', {
          documentIds: result.documentUuids,
        });
      }
      return reply.status(result.outcome === 'created' ? 201 : 200).send(answerOf(result.group));
    },
  );

  app.get<Named>(
    '/api/patients/:uuid/groups',
    {
      config,
      schema: {
        ...common,
        summary: 'The groups of a patient',
        operationId: 'groups',
        response: { 200: List, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'group.list', subject });
      const groups = await services.groups.list(organizationId, patientUuid);
      return { patientUuid, groups: groups.map(answerOf) };
    },
  );

  app.get<One>(
    '/api/patients/:uuid/groups/:groupId',
    {
      config,
      schema: {
        ...one,
        summary: 'One group of a patient',
        operationId: 'group',
        response: { 200: One, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => answerOf((await read(request, 'record')).group),
  );

  app.get<One>(
    '/api/patients/:uuid/groups/:groupId/pdf',
    {
      config,
      schema: {
        ...one,
        summary: 'The documents of a group as one PDF',
        description: '409 until it is made of the present documents.',
        operationId: 'groupPdf',
        response: {
          200: {
            description: 'The PDF.',
            content: { 'application/pdf': { schema: { type: 'string', format: 'binary' } } },
          },
          ...refusals(...ACCESS_REFUSALS, 409),
        },
      },
    },
    async (request, reply) => {
      const { organizationId, group } = await read(request, 'pdf');
      if (group.pdf === null) {
        const code = group.code ?? 'document_not_ready';
        throw new HttpError(409, code, group.code === null ? 'The PDF is not made yet.' : sentenceOf(group.code));
      }
      const content = await services.blobs.get(blobName(organizationId, group.pdf.sha256));
      return reply
        .header('cache-control', 'private, no-cache')
        .header('x-content-type-options', 'nosniff')
        .header('content-security-policy', "default-src 'none'; sandbox")
        .type('application/pdf')
        .header('content-length', content.size)
        .send(content.stream);
    },
  );

  app.put<One & { Body: { documentIds: string[] } }>(
    '/api/patients/:uuid/groups/:groupId/order',
    {
      config,
      schema: {
        ...one,
        summary: 'Put the documents of a group in another order',
        description:
          'The PDF is made anew. 409 when these are not exactly the documents of the group, which the answer then names.',
        operationId: 'reorderGroup',
        body: OrderBody,
        response: { 200: Reordered, ...refusals(...ACCESS_REFUSALS, 409) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const { groupId } = request.params;
      const documentUuids = request.body.documentIds.map((id) => id.toLowerCase());
      const deed = access.deedOf(request, {
        organizationId,
        action: 'group.reorder',
        subject: { kind: 'group', id: groupId },
        details: { patient: patientUuid, documents: documentUuids.length },
      });
      const entry = auditEntry(deed);
      const result = await services.groups.reorder(organizationId, patientUuid, groupId, documentUuids, entry);
      if (result.outcome === 'unknown') throw noGroup();
      if (result.outcome === 'other_members') {
        throw new HttpError(409, 'group_changed', 'These are not the documents of the group. Look at it again.', {
          documentIds: result.members,
        });
      }
      return { ...answerOf(result.group), formerDocumentIds: result.former };
    },
  );

  app.delete<One>(
    '/api/patients/:uuid/groups/:groupId',
    {
      config,
      schema: {
        ...one,
        summary: 'Take a group apart',
        description: 'The documents are as they were before; the PDF of the group goes.',
        operationId: 'removeGroup',
        response: {
          204: { description: 'There is no such group any more.', type: 'null' },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request, reply) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const { groupId } = request.params;
      const deed = access.deedOf(request, {
        organizationId,
        action: 'group.remove',
        subject: { kind: 'group', id: groupId },
        details: { patient: patientUuid },
      });
      if (!(await services.groups.ungroup(organizationId, patientUuid, groupId, auditEntry(deed)))) throw noGroup();
      return reply.status(204).send();
    },
  );

  app.get<Named>(
    '/api/patients/:uuid/group-proposals',
    {
      config,
      schema: {
        ...common,
        summary: 'Documents that may belong together',
        description: 'Of one date and one type, ungrouped so far.',
        operationId: 'groupProposals',
        response: { 200: Proposals, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const subject = { kind: 'patient', id: patientUuid };
      await access.note(request, { organizationId, action: 'group.proposals', subject });
      const proposals = await services.groups.proposals(
        organizationId,
        patientUuid,
        timeZoneOf(services, organizationId),
      );
      return {
        patientUuid,
        proposals: proposals.map(({ date, type, documents }) => ({
          date,
          type,
          documents: documents.map(({ documentUuid, originalName }) => ({
            silknoteDocumentUuid: documentUuid,
            originalName,
          })),
        })),
      };
    },
  );

  async function read(request: Parameters<typeof patientOf>[2], part: string) {
    const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
    const { groupId } = request.params as { groupId: string };
    const found = await services.groups.find(organizationId, patientUuid, groupId);
    if (found === null) throw noGroup();
    await access.note(request, {
      organizationId,
      action: 'group.read',
      subject: { kind: 'group', id: found.id },
      details: { patient: patientUuid, part },
    });
    return { organizationId, group: found };
  }
}

function answerOf(found: DocumentGroup) {
  return {
    id: found.id,
    silknotePatientUuid: found.patientUuid,
    title: found.title,
    createdAt: found.createdAt,
    createdBy: found.createdBy,
    status: found.status,
    error:
      found.code === null ? null : { code: found.code, message: sentenceOf(found.code), remedy: remedyOf(found.code) },
    pageCount: found.pageCount,
    documents: found.members.map(({ documentUuid, originalName, live, firstPage }) => ({
      silknoteDocumentUuid: documentUuid,
      originalName,
      removed: !live,
      firstPage,
    })),
  };
}

function sentenceOf(code: string): string {
  return ERROR_CATALOGUE[code as ErrorCode]?.summary ?? code;
}

function remedyOf(code: string): string | null {
  return ERROR_CATALOGUE[code as ErrorCode]?.remedy ?? null;
}

function noGroup(): HttpError {
  return new HttpError(404, 'not_found', 'No such group.');
}
