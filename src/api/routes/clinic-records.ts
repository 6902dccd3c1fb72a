/** `/api/v1/patients` and `/api/v1/appointments`: what was copied from a practice management system. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { APPOINTMENT_STATES, type AppointmentState } from '../../domain/clinic.ts';
import type { Access } from '../access.ts';
import {
  AppointmentAnswer,
  appointmentAnswer,
  MergesAnswer,
  mergesAnswer,
  PatientAnswer,
  patientAnswer,
} from '../clinic-answers.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 100;

const common = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: `At most so many; ${DEFAULT_LIMIT}.` })),
  after: Type.Optional(Type.String({ maxLength: 600, description: '`next` of the page before.' })),
  connection: Type.Optional(Type.String({ maxLength: 64, description: 'Only of this connection.' })),
  updated_since: Type.Optional(Type.String({ format: 'date-time', description: 'Changed in our copy since then.' })),
  deleted: Type.Optional(Type.Boolean({ description: 'Also what the source deleted or lost.' })),
};

const list = (name: string, items: TSchema) =>
  Type.Object(
    { [name]: Type.Array(items), next: Type.Union([Type.String(), Type.Null()], { description: 'For `after`.' }) },
    { description: 'A page, in a steady order. `next` is null on the last one.' },
  );

const one = (description: string, schema: TSchema) => ({ description, content: { 'application/json': { schema } } });

interface Common {
  limit?: number;
  after?: string;
  connection?: string;
  updated_since?: string;
  deleted?: boolean;
}

interface PatientsQuery extends Common {
  active?: boolean;
  archived?: boolean;
  cliniko_patient_id?: string;
}

interface PatientSearch extends Common {
  ids?: string[];
  name?: string;
  birth_date?: string;
}

interface AppointmentsQuery extends Common {
  from?: string;
  before?: string;
  status?: string;
  patient?: string;
  practitioner?: string;
  business?: string;
  kind?: 'individual' | 'group';
  cliniko_appointment_id?: string;
}

/** @throws HttpError 400 for an instant that no column holds */
function instant(text: string | undefined): string | undefined {
  if (text !== undefined && !(Date.parse(text) > Date.parse('0001-01-02T00:00:00Z'))) {
    throw new HttpError(400, 'invalid_request', 'An instant is out of range.');
  }
  return text;
}

const questionOf = (organizationId: string, query: Common) => ({
  organizationId,
  limit: query.limit ?? DEFAULT_LIMIT,
  after: decodeKey(query.after),
  connectionId: query.connection,
  updatedFrom: instant(query.updated_since),
  deleted: query.deleted,
});

export function clinicRecordRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const { clinic } = services;
  const shared = { tags: ['patients and appointments'], headers: SelectOrganization };
  const note = (request: FastifyRequest, organizationId: string, action: string, items: number) =>
    access.note(request, { organizationId, action, details: { items } });

  app.get<{ Querystring: PatientsQuery }>(
    '/api/v1/patients',
    {
      schema: {
        ...shared,
        summary: 'Patients',
        description: 'Personal data never stands in a URL: search by name with POST /api/v1/patients/search.',
        operationId: 'patients',
        querystring: Type.Object(
          {
            ...common,
            active: Type.Optional(Type.Boolean()),
            archived: Type.Optional(Type.Boolean()),
            cliniko_patient_id: Type.Optional(Type.String({ maxLength: 30 })),
          },
          { additionalProperties: false },
        ),
        response: { 200: list('patients', PatientAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { query } = request;
      const page = await clinic.patients({
        ...questionOf(organizationId, query),
        active: query.active,
        archived: query.archived,
        reference: query.cliniko_patient_id,
      });
      await note(request, organizationId, 'patients.list', page.items.length);
      return { patients: page.items.map(patientAnswer), next: encodeKey(page.next) };
    },
  );

  app.post<{ Body: PatientSearch }>(
    '/api/v1/patients/search',
    {
      schema: {
        ...shared,
        summary: 'Find patients by name or date of birth',
        operationId: 'searchPatients',
        body: Type.Object(
          {
            ...common,
            ids: Type.Optional(
              Type.Array(Type.String({ format: 'uuid' }), { maxItems: 500, description: 'Only these, by our ids.' }),
            ),
            name: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'How a name begins.' })),
            birth_date: Type.Optional(Type.String({ format: 'date' })),
          },
          { additionalProperties: false },
        ),
        response: { 200: list('patients', PatientAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { body } = request;
      const page = await clinic.patients({
        ...questionOf(organizationId, body),
        ...(body.ids === undefined ? {} : { ids: body.ids }),
        names: body.name === undefined ? undefined : [body.name],
        birthDate: body.birth_date,
      });
      await note(request, organizationId, 'patients.search', page.items.length);
      return { patients: page.items.map(patientAnswer), next: encodeKey(page.next) };
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/patients/:id',
    {
      schema: {
        ...shared,
        summary: 'One patient',
        operationId: 'patient',
        params: Type.Object({ id: Type.String({ maxLength: 64, description: 'Our id.' }) }),
        response: { 200: one('The patient.', PatientAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { items } = await clinic.patients({
        organizationId,
        ids: [request.params.id],
        limit: 1,
        after: null,
        deleted: true,
      });
      const [found] = items;
      if (found === undefined) throw new HttpError(404, 'not_found', 'No such patient.');
      const subject = { kind: 'patient', id: found.id };
      await access.note(request, { organizationId, action: 'patient.read', subject });
      return patientAnswer(found);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/patients/:id/merges',
    {
      schema: {
        ...shared,
        summary: 'Which patients were merged into this one',
        description: 'The same answer for each patient of a chain. Ids only.',
        operationId: 'patientMerges',
        params: Type.Object({ id: Type.String({ maxLength: 64, description: 'Our id.' }) }),
        response: { 200: one('The chain.', MergesAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { id } = request.params;
      const found = await clinic.merges(organizationId, id);
      if (found === null) throw new HttpError(404, 'not_found', 'No such patient.');
      await access.note(request, { organizationId, action: 'patient.merges', subject: { kind: 'patient', id } });
      return mergesAnswer(found);
    },
  );

  app.get<{ Querystring: AppointmentsQuery }>(
    '/api/v1/appointments',
    {
      schema: {
        ...shared,
        summary: 'Appointments, earliest first',
        operationId: 'appointments',
        querystring: Type.Object(
          {
            ...common,
            from: Type.Optional(Type.String({ format: 'date-time', description: 'Starts then or later.' })),
            before: Type.Optional(Type.String({ format: 'date-time', description: 'Starts earlier.' })),
            status: Type.Optional(
              Type.String({ maxLength: 100, description: `Some of ${APPOINTMENT_STATES.join(', ')}, with commas.` }),
            ),
            patient: Type.Optional(
              Type.String({ maxLength: 64, description: 'Our id; attendees of groups included.' }),
            ),
            practitioner: Type.Optional(Type.String({ maxLength: 64 })),
            business: Type.Optional(Type.String({ maxLength: 64 })),
            kind: Type.Optional(Type.Enum(['individual', 'group'])),
            cliniko_appointment_id: Type.Optional(Type.String({ maxLength: 30 })),
          },
          { additionalProperties: false },
        ),
        response: { 200: list('appointments', AppointmentAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { query } = request;
      const page = await clinic.appointments({
        ...questionOf(organizationId, query),
        from: instant(query.from),
        before: instant(query.before),
        statuses: query.status === undefined ? undefined : statesOf(query.status),
        patientIds: listOf(query.patient),
        practitionerIds: listOf(query.practitioner),
        businessIds: listOf(query.business),
        kind: query.kind,
        reference: query.cliniko_appointment_id,
      });
      await note(request, organizationId, 'appointments.list', page.items.length);
      return { appointments: page.items.map(appointmentAnswer), next: encodeKey(page.next) };
    },
  );

  app.get<{ Params: { id: string } }>(
    '/api/v1/appointments/:id',
    {
      schema: {
        ...shared,
        summary: 'One appointment',
        operationId: 'appointment',
        params: Type.Object({ id: Type.String({ maxLength: 64, description: 'Our id.' }) }),
        response: { 200: one('The appointment.', AppointmentAnswer), ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { items } = await clinic.appointments({
        organizationId,
        ids: [request.params.id],
        limit: 1,
        after: null,
        deleted: true,
      });
      const [found] = items;
      if (found === undefined) throw new HttpError(404, 'not_found', 'No such appointment.');
      const subject = { kind: 'appointment', id: found.id };
      await access.note(request, { organizationId, action: 'appointment.read', subject });
      return appointmentAnswer(found);
    },
  );
}

function listOf(id: string | undefined): string[] | undefined {
  return id === undefined ? undefined : [id];
}

/** @throws HttpError 400 */
function statesOf(text: string): AppointmentState[] {
  return text.split(',').map((part) => {
    const state = APPOINTMENT_STATES.find((name) => name === part.trim());
    if (state === undefined) {
      throw new HttpError(400, 'invalid_request', `status is some of ${APPOINTMENT_STATES.join(', ')}.`);
    }
    return state;
  });
}
