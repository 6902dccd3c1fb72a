/** `/api/v1/clinics/:clinicId/consultations`: which there are, and which of them nobody can say where they belong. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Access } from '../access.ts';
import { iso } from '../book-answers.ts';
import { isoDate } from '../book-runs.ts';
import { ClinicPath } from '../book-schemas.ts';
import { HttpError } from '../errors.ts';
import { decodeKey, encodeKey } from '../page-key.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const DEFAULT_LIMIT = 100;
const count = () => Type.Integer({ minimum: 0 });
const nullable = (schema: ReturnType<typeof Type.String>) => Type.Union([schema, Type.Null()]);
const date = (description: string) => Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description });

const Query = Type.Object(
  {
    state: Type.Optional(Type.Enum(['linked', 'quarantined'], { description: 'Default: all.' })),
    from: Type.Optional(date('First date, where the clinic is.')),
    to: Type.Optional(date('Last date.')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: `Default ${DEFAULT_LIMIT}.` })),
    after: Type.Optional(Type.String({ maxLength: 600, description: '`next` of the page before.' })),
  },
  { additionalProperties: false },
);

const Answer = Type.Object(
  {
    clinicId: Type.String(),
    counts: Type.Object(
      {
        linked: count(),
        quarantined: count(),
        noAppointmentId: Type.Integer({ minimum: 0, description: 'They name no appointment.' }),
        appointmentUnknown: Type.Integer({ minimum: 0, description: 'They name one that is not stored.' }),
      },
      { description: 'Of all, whatever the question.' },
    ),
    consultations: Type.Array(
      Type.Object({
        id: Type.String(),
        neoConsultationId: Type.String(),
        neoAppointmentId: nullable(Type.String()),
        consultedAt: Type.String({ format: 'date-time' }),
        date: Type.String(),
        status: Type.Enum(['in_progress', 'completed', 'cancelled']),
        caseId: nullable(Type.String()),
        quarantineReason: Type.Union([Type.Enum(['no_appointment_id', 'appointment_unknown']), Type.Null()]),
      }),
    ),
    next: nullable(Type.String()),
  },
  { description: 'A page, in a steady order, without names and notes. `next` is null on the last one.' },
);

export function consultationRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  app.get<{ Params: { clinicId: string }; Querystring: Type.Static<typeof Query> }>(
    '/api/v1/clinics/:clinicId/consultations',
    {
      schema: {
        tags: ['idexx'],
        headers: SelectOrganization,
        summary: 'Consultations of a clinic, and those in quarantine',
        description:
          'A consultation belongs to the appointment of the clinic whose id it names; without one that is known it is in quarantine.',
        operationId: 'clinicConsultations',
        params: ClinicPath,
        querystring: Query,
        response: { 200: Answer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const key = { organizationId, clinicId: request.params.clinicId.toLowerCase() };
      if ((await services.book.clinic(key)) === null) throw new HttpError(404, 'not_found', 'No such clinic.');
      const { state, from, to, limit = DEFAULT_LIMIT, after } = request.query;
      const [counts, page] = await Promise.all([
        services.consultations.counts(key),
        services.consultations.list({
          ...key,
          limit,
          after: decodeKey(after),
          ...(state === undefined ? {} : { state }),
          ...(from === undefined ? {} : { from: dateOf(from) }),
          ...(to === undefined ? {} : { to: dateOf(to) }),
        }),
      ]);
      const details = { items: page.items.length };
      await access.note(request, { organizationId, action: 'consultations.list', details });
      return {
        clinicId: key.clinicId,
        counts: { ...counts, quarantined: counts.noAppointmentId + counts.appointmentUnknown },
        consultations: page.items.map((item) => ({ ...item, consultedAt: iso(item.consultedAt) })),
        next: encodeKey(page.next),
      };
    },
  );
}

/** @throws HttpError 400 for 31 February */
function dateOf(text: string): string {
  try {
    return isoDate(text);
  } catch {
    throw new HttpError(400, 'invalid_request', 'from and to are dates.');
  }
}
