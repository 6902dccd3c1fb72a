/** `/api/v1/clinics` and its schedule: the book of a clinic as people look at it, appointments with names included. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { localDate } from '../../domain/clinic-day.ts';
import type { Access } from '../access.ts';
import { dayAnswer, iso } from '../book-answers.ts';
import { ClinicPath, DayAnswer } from '../book-schemas.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const MAX_DATES = 31;
const DAY_MS = 86_400_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const text = () => nullable(Type.String());
const count = () => Type.Integer({ minimum: 0 });
const date = (description?: string) =>
  Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', ...(description === undefined ? {} : { description }) });
const instant = () => Type.String({ format: 'date-time' });
const span = { date: date(), startTime: Type.String(), endTime: Type.String(), startsAt: instant(), endsAt: instant() };

const ClinicsAnswer = Type.Object(
  {
    clinics: Type.Array(
      Type.Object({ clinicId: Type.String({ format: 'uuid' }), connectionId: Type.String(), timeZone: Type.String() }),
    ),
  },
  { description: 'Clinics whose book is kept.' },
);

const ScheduleAnswer = Type.Object(
  {
    clinicId: Type.String({ format: 'uuid' }),
    connectionId: Type.String(),
    timeZone: Type.String({ description: 'IANA zone of all dates and times here.' }),
    rooms: Type.Array(Type.Object({ id: Type.String(), name: Type.String() }), { description: 'Calendar columns.' }),
    days: Type.Array(DayAnswer),
    slots: Type.Array(
      Type.Object({
        slotId: Type.String(),
        ...span,
        fold: Type.Integer({ minimum: 0, maximum: 1, description: '1: second time in the hour that comes twice.' }),
        capacity: count(),
        appointments: count(),
        bookings: Type.Integer({ minimum: 0, description: 'Holds and bookings that the calendar does not show yet.' }),
        places: count(),
        block: nullable(Type.String({ description: 'Why the clinic is closed then.' })),
      }),
    ),
    appointments: Type.Array(
      Type.Object({
        id: Type.String(),
        ...span,
        roomId: text(),
        patientName: text(),
        clientName: text(),
        providerName: text(),
        type: text(),
        status: Type.String(),
        unconfirmed: Type.Boolean({ description: 'Reads have been missing it; it still takes its place.' }),
      }),
    ),
    bookings: Type.Array(
      Type.Object({
        bookingId: Type.String(),
        confirmationNumber: Type.String(),
        date: date(),
        startTime: Type.String(),
        startsAt: instant(),
        endsAt: instant(),
        status: Type.String(),
        holdExpiresAt: nullable(instant()),
        hasConflict: Type.Boolean({ description: 'It has no place any more.' }),
      }),
      { description: 'Holds and bookings that take a place and that the calendar does not show yet.' },
    ),
    timestamp: instant(),
  },
  { description: 'Slots, appointments and bookings of the dates.' },
);

export function clinicScheduleRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['bookings'], headers: SelectOrganization };

  app.get(
    '/api/v1/clinics',
    {
      schema: {
        ...shared,
        summary: 'Clinics whose book is kept',
        operationId: 'clinics',
        response: { 200: ClinicsAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      return { clinics: await services.bookView.clinics(organizationId) };
    },
  );

  app.get<{ Params: { clinicId: string }; Querystring: { from?: string; to?: string } }>(
    '/api/v1/clinics/:clinicId/schedule',
    {
      schema: {
        ...shared,
        summary: 'The book of a clinic, with names',
        operationId: 'clinicSchedule',
        params: ClinicPath,
        querystring: Type.Object(
          {
            from: Type.Optional(date('First date; today where the clinic is.')),
            to: Type.Optional(date(`Last date; the first. At most ${MAX_DATES} dates.`)),
          },
          { additionalProperties: false },
        ),
        response: { 200: ScheduleAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'records:read');
      const { clinicId } = request.params;
      const key = { organizationId, clinicId: clinicId.toLowerCase() };
      const clinic = UUID.test(clinicId) ? await services.book.clinic(key) : null;
      if (clinic === null) throw new HttpError(404, 'not_found', 'No such clinic.');
      const { timeZone } = clinic.hours;
      const window = windowOf(request.query, timeZone);
      await access.note(request, {
        organizationId,
        action: 'schedule.read',
        subject: { kind: 'clinic', id: key.clinicId },
        details: { from: window.from, to: window.to },
      });
      const [rooms, days, slots, appointments, bookings] = await Promise.all([
        services.bookView.rooms(key),
        services.book.freshness(key, window),
        services.bookView.slots(key, window),
        services.bookView.appointments(key, window),
        services.bookings.bookings(key, window),
      ]);
      return {
        clinicId: key.clinicId,
        connectionId: clinic.connectionId,
        timeZone,
        rooms,
        days: days.map(dayAnswer),
        slots: slots.map(instants),
        appointments: appointments.map(instants),
        bookings: bookings.map((b) => ({
          bookingId: b.bookingId,
          confirmationNumber: b.confirmationNumber,
          date: b.date,
          startTime: b.startTime,
          startsAt: iso(b.startsAt),
          endsAt: iso(b.endsAt),
          status: b.status,
          holdExpiresAt: iso(b.holdExpiresAt),
          hasConflict: b.hasConflict,
        })),
        timestamp: iso(Date.now()),
      };
    },
  );
}

function instants<T extends { readonly startsAt: number; readonly endsAt: number }>(item: T) {
  return { ...item, startsAt: iso(item.startsAt), endsAt: iso(item.endsAt) };
}

/** @throws HttpError 400 */
function windowOf(query: { from?: string; to?: string }, timeZone: string): { from: string; to: string } {
  const today = localDate(Date.now(), timeZone);
  const { from = today, to = from } = query;
  const dates = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (isDate(from) && isDate(to) && dates >= 1 && dates <= MAX_DATES) return { from, to };
  throw new HttpError(
    400,
    'invalid_request',
    `from and to are dates, from not after to, at most ${MAX_DATES} of them.`,
  );
}

function isDate(value: string): boolean {
  const read = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(read.getTime()) && read.toISOString().startsWith(value);
}
