/** `/api/v1/cliniko/patients/:organizationId/stats`: figures of the active patients, and who they are for whoever may know. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { PatientRecord } from '../../ports/clinic-reports.ts';
import type { Access } from '../access.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { ClinikoPath, clinikoConnectionOf, WhichConnection } from './cliniko.ts';

const DEFAULT_LIMIT = 50;
const count = () => Type.Integer({ minimum: 0 });
const nullable = () => Type.Union([Type.String(), Type.Null()]);

const Query = Type.Object(
  {
    ...WhichConnection,
    include_details: Type.Optional(Type.Boolean({ description: 'Also who they are; needs records:read.' })),
    with_appointments_only: Type.Optional(
      Type.Boolean({ description: 'Changes nothing: without an appointment nobody is active.' }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: `Details; ${DEFAULT_LIMIT}.` })),
  },
  { additionalProperties: false },
);

const Details = Type.Object({
  id: Type.String(),
  name: nullable(),
  phone: nullable(),
  email: nullable(),
  cliniko_patient_id: Type.String(),
  is_active: Type.Boolean(),
  recent_appointment_count: count(),
  upcoming_appointment_count: count(),
  total_appointment_count: count(),
  next_appointment_time: nullable(),
  last_appointment_date: nullable(),
});

export function clinikoStatsRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { organizationId: string }; Querystring: Type.Static<typeof Query> }>(
    '/api/v1/cliniko/patients/:organizationId/stats',
    {
      schema: {
        tags: ['cliniko'],
        headers: SelectOrganization,
        params: ClinikoPath,
        summary: 'Figures of the active patients',
        operationId: 'clinikoPatientStats',
        querystring: Query,
        response: {
          200: Type.Object(
            {
              organization_id: Type.String(),
              total_patients: count(),
              total_active_patients: count(),
              patients_with_upcoming: count(),
              patients_with_recent: count(),
              avg_recent_appointments: Type.Number(),
              avg_upcoming_appointments: Type.Number(),
              avg_total_appointments: Type.Number(),
              filters: Type.Object({ with_appointments_only: Type.Boolean(), include_details: Type.Boolean() }),
              patient_details: Type.Optional(Type.Array(Details)),
              patient_details_count: Type.Optional(count()),
              timestamp: Type.String({ format: 'date-time' }),
            },
            { description: 'Averages are over active patients.' },
          ),
          ...refusals(...ACCESS_REFUSALS),
        },
      },
    },
    async (request) => {
      const { include_details = false, with_appointments_only = false, limit = DEFAULT_LIMIT } = request.query;
      const organizationId = await access.authorize(request, 'sync:read', request.params.organizationId);
      if (include_details) await access.authorize(request, 'records:read', organizationId);
      const connection = clinikoConnectionOf(services, organizationId, request.query.connection);
      const totals = await services.clinic.totals(organizationId, connection.id);
      const average = (sum: number) =>
        totals.activePatients === 0 ? 0 : Math.round((sum / totals.activePatients) * 100) / 100;
      const details = include_details ? await activePatients(organizationId, connection.id, limit) : null;
      if (details !== null) {
        const items = { items: details.length };
        await access.note(request, { organizationId, action: 'patients.list', details: items });
      }
      return {
        organization_id: organizationId,
        total_patients: totals.patients,
        total_active_patients: totals.activePatients,
        patients_with_upcoming: totals.withUpcoming,
        patients_with_recent: totals.withRecent,
        avg_recent_appointments: average(totals.recentAppointments),
        avg_upcoming_appointments: average(totals.upcomingAppointments),
        avg_total_appointments: average(totals.allAppointments),
        filters: { with_appointments_only, include_details },
        ...(details === null ? {} : { patient_details: details, patient_details_count: details.length }),
        timestamp: new Date().toISOString(),
      };
    },
  );

  async function activePatients(organizationId: string, connectionId: string, limit: number) {
    const question = { organizationId, connectionId, limit, after: null, active: true };
    return (await services.clinic.patients(question)).items.map(detailsOf);
  }
}

function detailsOf(patient: PatientRecord) {
  return {
    id: patient.id,
    name: patient.name,
    phone: patient.phones[0]?.number ?? null,
    email: patient.email,
    cliniko_patient_id: patient.reference,
    is_active: patient.isActive,
    recent_appointment_count: patient.recentAppointmentCount,
    upcoming_appointment_count: patient.upcomingAppointmentCount,
    total_appointment_count: patient.totalAppointmentCount,
    next_appointment_time: patient.nextAppointmentTime,
    last_appointment_date: patient.lastAppointmentDate,
  };
}
