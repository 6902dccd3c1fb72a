/** What people look up and say about one document: details, whom it is about, alerts, reading it again. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ALERT_TYPES, type AlertType } from '../../domain/document-alert.ts';
import { DOCUMENT_CATEGORIES, type DocumentCategory, NO_CATEGORY } from '../../domain/document-category.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { Access } from '../access.ts';
import {
  DocumentId,
  PatientUuid,
  patientOf,
  readDocument,
  SelectPatient,
  selectedPatient,
} from '../document-access.ts';
import { HttpError } from '../errors.ts';
import { MedicalDocument, medicalDocumentOf } from '../medical-document.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const answer = { ...MedicalDocument, $id: undefined, description: 'The document.' };

const InfoBody = Type.Object(
  {
    patientName: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
    dateOfBirth: Type.Optional(
      Type.Union([Type.String({ maxLength: 20, description: 'DD/MM/YYYY or YYYY-MM-DD.' }), Type.Null()]),
    ),
  },
  { additionalProperties: false },
);

const CategoryBody = Type.Object(
  {
    category: Type.Union([Type.Enum([...DOCUMENT_CATEGORIES]), Type.Null()], {
      description: `null, as ${NO_CATEGORY}: as though nobody had said it.`,
    }),
  },
  { additionalProperties: false },
);

const AcknowledgeBody = Type.Object(
  {
    patientId: Type.String({ format: 'uuid' }),
    documentId: Type.String({ format: 'uuid' }),
    alertType: Type.Enum([...ALERT_TYPES]),
  },
  { additionalProperties: false },
);
const AcknowledgeAnswer = Type.Object(
  {
    success: Type.Literal(true),
    documentUuid: Type.String({ format: 'uuid' }),
    alertType: Type.Enum([...ALERT_TYPES]),
  },
  { description: 'The alert is acknowledged.' },
);
const AgainAnswer = Type.Object(
  { success: Type.Literal(true), documentUuid: Type.String({ format: 'uuid' }), status: Type.Literal('queued') },
  { description: 'It waits to be read again.' },
);

export function documentDetailRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  /** The document has to be of this patient. Null: of any. */
  function onlyOf(request: FastifyRequest): string | null {
    const own = access.patientOf(request);
    const selected = selectedPatient(request);
    if (own !== null && selected !== null && own !== selected) throw noDocument();
    return own ?? selected;
  }

  for (const [part, operationId] of [
    ['details', 'documentDetails'],
    ['metadata', 'documentMetadata'],
  ] as const) {
    app.get(
      `/api/documents/:documentId/${part}`,
      {
        config: { component: 'document' },
        schema: {
          tags: ['documents'],
          headers: SelectPatient,
          params: DocumentId,
          summary: `The ${part} of a document`,
          operationId,
          response: { 200: answer, ...refusals(...ACCESS_REFUSALS) },
        },
      },
      async (request) => {
        const { organizationId, document } = await readDocument(services, access, request, part);
        return medicalDocumentOf(organizationId, document);
      },
    );
  }

  app.patch<{ Params: { documentId: string }; Body: { category: DocumentCategory | null } }>(
    '/api/documents/:documentId',
    {
      config: { component: 'document' },
      // The address `/api/documents/delete` is another one, which has no PATCH, whatever the body.
      preValidation: async (request) => {
        if (request.params.documentId === 'delete') throw noDocument();
      },
      schema: {
        tags: ['documents'],
        headers: SelectPatient,
        params: DocumentId,
        summary: 'Say what a document is about',
        operationId: 'setDocumentCategory',
        body: CategoryBody,
        response: { 200: answer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const documentUuid = normaliseUuid(request.params.documentId);
      if (documentUuid === null) throw noDocument();
      const { category } = request.body;
      return access.audited(
        request,
        {
          organizationId,
          action: 'document.categorise',
          subject: { kind: 'document', id: documentUuid },
          details: { category: category ?? NO_CATEGORY },
        },
        async () => {
          const only = onlyOf(request);
          const known = await services.patients.setCategory(organizationId, documentUuid, category, only);
          const document = known ? await services.desk.find(organizationId, documentUuid) : null;
          if (document === null) throw noDocument();
          return medicalDocumentOf(organizationId, document);
        },
      );
    },
  );

  app.post<{ Params: { documentId: string } }>(
    '/api/documents/:documentId/reprocess',
    {
      config: { component: 'document' },
      schema: {
        tags: ['documents'],
        headers: SelectPatient,
        params: DocumentId,
        summary: 'Read a document again',
        description: 'Whatever came of it before, which stays until there is something new.',
        operationId: 'reprocessDocument',
        response: { 202: AgainAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const documentUuid = normaliseUuid(request.params.documentId);
      if (documentUuid === null) throw noDocument();
      await access.audited(
        request,
        { organizationId, action: 'document.reprocess', subject: { kind: 'document', id: documentUuid } },
        async () => {
          const only = onlyOf(request);
          if (!(await services.patients.processAgain(organizationId, documentUuid, only))) throw noDocument();
        },
      );
      return reply.status(202).send({ success: true, documentUuid, status: 'queued' });
    },
  );

  app.patch<{
    Params: { uuid: string; documentId: string };
    Body: { patientName?: string | null; dateOfBirth?: string | null };
  }>(
    '/api/patients/:uuid/documents/:documentId/patient-info',
    {
      config: { component: 'patient' },
      schema: {
        tags: ['documents'],
        headers: SelectOrganization,
        params: Type.Object({ ...PatientUuid.properties, ...DocumentId.properties }),
        summary: 'Say whom a document is about',
        description:
          'When its name or date of birth differs from the patient’s, the document has the alert INCORRECT_PATIENT. Case, accents and the order of names do not matter.',
        operationId: 'setPatientInfo',
        body: InfoBody,
        response: { 200: answer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const { organizationId, patientUuid } = await patientOf(services, access, request, 'documents:write');
      const documentUuid = normaliseUuid(request.params.documentId);
      if (documentUuid === null) throw noDocument();
      const { patientName, dateOfBirth } = request.body;
      const info = { name: blankToNull(patientName), dateOfBirth: blankToNull(dateOfBirth) };
      return access.audited(
        request,
        { organizationId, action: 'document.patient_info', subject: { kind: 'document', id: documentUuid } },
        async () => {
          const known = await services.patients.setPatientInfo(organizationId, patientUuid, documentUuid, info);
          const document = known ? await services.desk.find(organizationId, documentUuid) : null;
          if (document === null) throw noDocument();
          return medicalDocumentOf(organizationId, document);
        },
        ({ isIncorrectPatient }) => ({ details: { incorrect_patient: isIncorrectPatient } }),
      );
    },
  );

  app.post<{ Body: { patientId: string; documentId: string; alertType: AlertType } }>(
    '/api/alerts/acknowledge',
    {
      config: { component: 'document' },
      schema: {
        tags: ['documents'],
        headers: SelectOrganization,
        summary: 'Acknowledge an alert of a document',
        operationId: 'acknowledgeAlert',
        body: AcknowledgeBody,
        response: { 200: AcknowledgeAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'documents:write');
      const { patientId, documentId, alertType } = request.body;
      const [patientUuid, documentUuid] = [patientId.toLowerCase(), documentId.toLowerCase()];
      const only = access.patientOf(request);
      if (only !== null && only !== patientUuid) throw noDocument();
      return access.audited(
        request,
        {
          organizationId,
          action: 'document.acknowledge',
          subject: { kind: 'document', id: documentUuid },
          details: { alert: alertType },
        },
        async () => {
          const result = await services.patients.acknowledge(organizationId, patientUuid, documentUuid, alertType);
          if (result === 'unknown') throw noDocument();
          if (result === 'no_alert') throw new HttpError(404, 'not_found', 'The document has no such alert.');
          return { success: true, documentUuid, alertType };
        },
      );
    },
  );
}

function blankToNull(text: string | null | undefined): string | null {
  const trimmed = text?.trim() ?? '';
  return trimmed === '' ? null : trimmed;
}

function noDocument(): HttpError {
  return new HttpError(404, 'not_found', 'No such document.');
}
