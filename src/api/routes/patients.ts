/** `/api/patients/:uuid`: a patient with files, in the shapes of earlier servers; activation; removal. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { auditEntry } from '../../access/audit.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { PatientRecord } from '../../ports/patient-desk.ts';
import type { Access } from '../access.ts';
import { PatientUuid, patientOf } from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { summaryTag } from '../etag.ts';
import { MedicalDocument, medicalDocumentOf } from '../medical-document.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const MOST_FILES = 1000;
const nullable = (schema: Parameters<typeof Type.Union>[0][number]) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const instant = () => nullable(Type.String({ format: 'date-time' }));

const Patient = Type.Object({
  id: Type.String({ format: 'uuid' }),
  silknotePatientUuid: Type.String({ format: 'uuid' }),
  name: text(),
  dateOfBirth: text(),
  gender: text(),
  summaryGenerationCount: Type.Integer({ minimum: 0 }),
  fileSet: Type.Array(Type.String({ format: 'uuid' }), { description: 'UUIDs of the files.' }),
  caseSummary: Type.Unknown({ description: 'What a client saved, or the language model wrote; null: nothing.' }),
  caseSummaryETag: nullable(
    Type.String({
      description: 'The ETag of `caseSummary`: for If-Match, where it is saved or removed. Null: there is none.',
    }),
  ),
  vectorStore: Type.Unknown({ description: 'What another application wrote; null: nothing.' }),
  activatedUse: Type.Boolean(),
  activatedUseTime: instant(),
});

const filesAnswer = {
  files: Type.Array(MedicalDocument),
  count: Type.Integer({ minimum: 0, description: 'Of all documents of the patient.' }),
  next: text(),
};
const PatientAnswer = Type.Object(
  { patient: Patient, ...filesAnswer, timestamp: Type.String({ format: 'date-time' }) },
  { description: `The patient with at most ${MOST_FILES} files.` },
);
const FilesAnswer = Type.Object(filesAnswer, { description: 'In the order of their UUIDs.' });
const FilesQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_FILES, description: `Default: ${MOST_FILES}.` })),
    after: Type.Optional(Type.String({ format: 'uuid', description: 'What the page before gave as "next".' })),
  },
  { additionalProperties: false },
);

const ActivateBody = Type.Object(
  {
    activatedUse: Type.Boolean(),
    'patient-key': Type.Optional(
      Type.String({
        maxLength: 200,
        description:
          'Of earlier servers. Anybody can compute it from the UUID, so it proves nothing and is not looked at.',
      }),
    ),
  },
  { additionalProperties: false },
);
const ActivateAnswer = Type.Object(
  {
    success: Type.Literal(true),
    silknotePatientUuid: Type.String({ format: 'uuid' }),
    activatedUse: Type.Boolean(),
    activatedUseTime: instant(),
    activatedBy: text(),
    activatedBefore: Type.Boolean({ description: 'It was activated already; this call changed nothing.' }),
    removedBefore: Type.Boolean({ description: 'It was removed, and is back.' }),
    message: Type.String(),
  },
  { description: 'It is activated, since when and by whom.' },
);

type Named = { Params: { uuid: string } };

export function patientRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const common = { tags: ['documents'], headers: SelectOrganization, params: PatientUuid };

  app.get<Named>(
    '/api/patients/:uuid',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'A patient with files',
        operationId: 'patientWithFiles',
        response: { 200: PatientAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const record = await services.patients.find(organizationId, patientUuid);
      if (record === null) throw noPatient();
      const listed = await list(request, organizationId, patientUuid, { limit: MOST_FILES });
      const fileSet = listed.files.map((file) => file.silknoteDocumentUuid);
      return { patient: { ...patientAnswer(record), fileSet }, ...listed, timestamp: new Date().toISOString() };
    },
  );

  app.get<Named & { Querystring: { limit?: number; after?: string } }>(
    '/api/patients/:uuid/files',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'The files of a patient',
        operationId: 'patientFiles',
        querystring: FilesQuery,
        response: { 200: FilesAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      return list(request, organizationId, patientUuid, request.query);
    },
  );

  app.get<{ Params: { uuid: string; fileId: string } }>(
    '/api/patients/:uuid/files/:fileId',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'One file of a patient',
        operationId: 'patientFile',
        params: Type.Object({
          ...PatientUuid.properties,
          fileId: Type.String({ description: 'UUID of the document, or its clientFileId.' }),
        }),
        response: {
          200: { ...MedicalDocument, $id: undefined, description: 'The document.' },
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:read');
      const { fileId } = request.params;
      const uuid = normaliseUuid(fileId);
      const byUuid = uuid === null ? null : await services.desk.find(organizationId, uuid);
      const document =
        byUuid?.patientUuid === patientUuid
          ? byUuid
          : await services.desk.findByClientId(organizationId, patientUuid, fileId);
      if (document === null) throw new HttpError(404, 'not_found', 'No such document.');
      await access.note(request, {
        organizationId,
        action: 'document.read',
        subject: { kind: 'document', id: document.documentUuid },
        details: { patient: patientUuid, part: 'record' },
      });
      return medicalDocumentOf(organizationId, document);
    },
  );

  app.delete<Named>(
    '/api/patients/:uuid',
    {
      schema: {
        ...common,
        summary: 'Remove a patient with all documents',
        description:
          'Hidden at once; the index and what was made of the documents go by themselves, contents after retention.releasedBlobs. Each document can be restored until then, which brings the patient back. What a source still lists comes back with the next run, unless the connection only synchronises activated filesets. Repeated calls are fine.',
        operationId: 'removePatient',
        response: { 204: { description: 'It is removed.', type: 'null' }, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const patientUuid = normaliseUuid(request.params.uuid);
      if (patientUuid === null) throw noPatient();
      const removed = await services.patients.remove(organizationId, patientUuid, (documents) =>
        auditEntry(
          access.deedOf(request, {
            organizationId,
            action: 'patient.remove',
            subject: { kind: 'patient', id: patientUuid },
            details: { documents },
          }),
        ),
      );
      if (removed === null) throw noPatient();
      return reply.status(204).send();
    },
  );

  app.post<Named & { Body: { activatedUse: boolean } }>(
    '/api/patients/:uuid/activate',
    {
      config: { component: 'patient' },
      schema: {
        ...common,
        summary: 'Activate a patient',
        description:
          'Recorded by the server: when, and by which key. It cannot be taken back here. Whoever the source of a connection has is known after its next run, and can be activated. A removed patient is back by it, without the documents that were removed: those that a source lists come with the next run, others can be restored. A component token brings nobody back.',
        operationId: 'activatePatient',
        body: ActivateBody,
        response: { 200: ActivateAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const patientUuid = normaliseUuid(request.params.uuid);
      if (patientUuid === null) throw noPatient();
      if (!request.body.activatedUse) throw new HttpError(400, 'invalid_request', 'An activation is not taken back.');
      const { kind, id } = access.principalOf(request);
      // A page of a clinic system that shows one patient does not undo what somebody decided about patients.
      const which = { organizationId, patientUuid, removed: access.patientOf(request) === null };
      const activated = await services.patients.activate(which, `${kind} ${id}`, ({ already, removed }) =>
        auditEntry(
          access.deedOf(request, {
            organizationId,
            action: 'patient.activate',
            subject: { kind: 'patient', id: patientUuid },
            details: { already, removed },
          }),
        ),
      );
      if (activated === null) throw noPatient();
      return {
        success: true,
        silknotePatientUuid: patientUuid,
        activatedUse: activated.activatedUse,
        activatedUseTime: activated.activatedUseTime,
        activatedBy: activated.activatedBy,
        activatedBefore: activated.already,
        removedBefore: activated.removed,
        message: activated.already
          ? 'The patient was activated before.'
          : activated.removed
            ? 'The patient was removed; it is back, and activated.'
            : 'The patient is activated.',
      };
    },
  );

  async function list(
    request: FastifyRequest,
    organizationId: string,
    patientUuid: string,
    { limit = MOST_FILES, after }: { readonly limit?: number; readonly after?: string },
  ) {
    return access.audited(
      request,
      { organizationId, action: 'document.list', subject: { kind: 'patient', id: patientUuid } },
      async () => {
        const page = { limit, ...(after === undefined ? {} : { after: after.toLowerCase() }) };
        const { documents, total, next } = await services.desk.list(organizationId, patientUuid, page);
        return { files: documents.map((document) => medicalDocumentOf(organizationId, document)), count: total, next };
      },
      ({ files }) => ({ details: { documents: files.length } }),
    );
  }
}

function patientAnswer(record: PatientRecord) {
  return {
    id: record.patientUuid,
    silknotePatientUuid: record.patientUuid,
    name: record.name,
    dateOfBirth: record.dateOfBirth,
    gender: record.gender,
    summaryGenerationCount: record.summaryGenerationCount,
    caseSummary: record.caseSummary,
    caseSummaryETag: summaryTag(record.caseSummaryVersion),
    vectorStore: record.vectorStore,
    activatedUse: record.activatedUse,
    activatedUseTime: record.activatedUseTime,
  };
}

function noPatient(): HttpError {
  return new HttpError(404, 'not_found', 'No such patient.');
}
