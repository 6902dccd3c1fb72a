/** `/api/v1/clinics` and `/api/v1/bookings`: free times, and places that callers were promised. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { usualWindow } from '../../engine/schedule/sync-book.ts';
import type { Booking, BookingResult, Caller, Refusal, SlotChoice } from '../../ports/booking-desk.ts';
import type { Clinic } from '../../ports/slot-book.ts';
import type { Access } from '../access.ts';
import { dayAnswer, iso } from '../book-answers.ts';
import {
  AvailabilityAnswer,
  AvailabilityQuery,
  BookingAnswer,
  BookingRefused,
  CancelBody,
  ClinicPath,
  FreshnessAnswer,
  HoldBody,
} from '../book-schemas.ts';
import { HttpError } from '../errors.ts';
import { ACCESS_REFUSALS, refusals } from '../refusals.ts';
import { SelectOrganization } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const SENTENCES: Readonly<Record<Exclude<Refusal, 'unknown'>, string>> = {
  no_slot: 'The clinic offers nothing at that time, or not for so long.',
  past: 'That time is past.',
  blocked: 'That time is blocked.',
  full: 'There is no place any more.',
  stale: 'The book of that date is too old to promise anything.',
  expired: 'The hold has expired.',
  cancelled: 'The booking is cancelled.',
  in_source: 'The clinic has it in its calendar: it can only be changed there.',
  key_reused: 'This Idempotency-Key was used for another request.',
};
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BookingPath = Type.Object({ bookingId: Type.String({ maxLength: 64 }) });

interface HoldRequest {
  slotId?: string;
  date?: string;
  startTime?: string;
  fold?: 0 | 1;
  minutes?: number;
  maxAgeMinutes?: number;
  caller: Caller;
}

export function bookingRoutes(app: FastifyInstance, services: ApiServices, access: Access): void {
  const shared = { tags: ['bookings'], headers: SelectOrganization };

  /** @throws HttpError 404 for a clinic of nobody, or of somebody else */
  async function clinicOf(organizationId: string, clinicId: string) {
    const key = { organizationId, clinicId: clinicId.toLowerCase() };
    const clinic = UUID.test(clinicId) ? await services.book.clinic(key) : null;
    if (clinic === null) throw new HttpError(404, 'not_found', 'No such clinic.');
    return { key, clinic };
  }

  app.get<{ Params: { clinicId: string }; Querystring: Type.Static<typeof AvailabilityQuery> }>(
    '/api/v1/clinics/:clinicId/availability',
    {
      schema: {
        ...shared,
        summary: 'Free times of a clinic',
        operationId: 'clinicAvailability',
        params: ClinicPath,
        querystring: AvailabilityQuery,
        response: { 200: AvailabilityAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { key, clinic } = await clinicOf(organizationId, request.params.clinicId);
      const { limit = 100, minutes, appointmentType } = request.query;
      const window = windowOf(request.query, clinic);
      if (minutes !== undefined && appointmentType !== undefined) {
        throw new HttpError(400, 'invalid_request', 'minutes and appointmentType say the same: give one of them.');
      }
      const slots = await services.book.availability({
        ...key,
        ...window,
        limit,
        ...(minutes === undefined ? {} : { minutes }),
        ...(appointmentType === undefined ? {} : { appointmentType }),
      });
      return {
        clinicId: key.clinicId,
        slots: slots.map((s) => ({
          slotId: s.slotId,
          date: s.date,
          startTime: s.startTime,
          endTime: s.endTime,
          fold: s.fold,
          startsAt: iso(s.startsAt),
          endsAt: iso(s.endsAt),
          capacity: s.capacity,
          places: s.places,
          readAt: iso(s.readAt),
          freshness: s.freshness,
        })),
        timestamp: iso(Date.now()),
      };
    },
  );

  app.get<{ Params: { clinicId: string }; Querystring: { from?: string; to?: string } }>(
    '/api/v1/clinics/:clinicId/freshness',
    {
      schema: {
        ...shared,
        summary: 'How old the book of each date is',
        operationId: 'clinicFreshness',
        params: ClinicPath,
        querystring: Type.Pick(AvailabilityQuery, ['from', 'to']),
        response: { 200: FreshnessAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'sync:read');
      const { key, clinic } = await clinicOf(organizationId, request.params.clinicId);
      const days = await services.book.freshness(key, windowOf(request.query, clinic));
      return { clinicId: key.clinicId, days: days.map(dayAnswer), timestamp: iso(Date.now()) };
    },
  );

  app.post<{ Params: { clinicId: string }; Body: HoldRequest }>(
    '/api/v1/clinics/:clinicId/holds',
    {
      schema: {
        ...shared,
        summary: 'Hold a place for five minutes',
        description:
          'The same Idempotency-Key with the same body gets the same booking. A date that was never read is refused.',
        operationId: 'holdPlace',
        params: ClinicPath,
        headers: Type.Object({
          ...SelectOrganization.properties,
          'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        }),
        body: HoldBody,
        response: { 201: BookingAnswer, 409: BookingRefused, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request, reply) => {
      const organizationId = await access.authorize(request, 'bookings:write');
      const { key } = await clinicOf(organizationId, request.params.clinicId);
      const { caller, minutes, maxAgeMinutes } = request.body;
      const requestKey = request.headers['idempotency-key'];
      const hold = {
        ...key,
        slot: choiceOf(request.body),
        caller,
        ...(minutes === undefined ? {} : { minutes }),
        ...(maxAgeMinutes === undefined ? {} : { maxAgeMinutes }),
        ...(typeof requestKey === 'string' ? { requestKey } : {}),
      };
      const deed = { organizationId, action: 'booking.hold', subject: { kind: 'clinic', id: key.clinicId } };
      const answer = answerOf(await access.audited(request, deed, () => services.bookings.hold(hold), toldOf));
      return reply.status(201).send(answer);
    },
  );

  const change = (
    path: string,
    about: { summary: string; operationId: string; action: string; body?: typeof CancelBody },
    work: (organizationId: string, id: string, request: FastifyRequest) => Promise<BookingResult>,
  ) =>
    app.post<{ Params: { bookingId: string } }>(
      path,
      {
        schema: {
          ...shared,
          summary: about.summary,
          operationId: about.operationId,
          params: BookingPath,
          ...(about.body === undefined ? {} : { body: Type.Union([about.body, Type.Null()]) }),
          response: { 200: BookingAnswer, 409: BookingRefused, ...refusals(...ACCESS_REFUSALS) },
        },
      },
      async (request) => {
        const organizationId = await access.authorize(request, 'bookings:write');
        const id = bookingId(request.params.bookingId);
        const deed = { organizationId, action: about.action, subject: { kind: 'booking', id } };
        return answerOf(await access.audited(request, deed, () => work(organizationId, id, request), toldOf));
      },
    );
  change(
    '/api/v1/bookings/:bookingId/confirm',
    { summary: 'Confirm a hold', operationId: 'confirmBooking', action: 'booking.confirm' },
    (organizationId, id) => services.bookings.confirm(organizationId, id),
  );
  change(
    '/api/v1/bookings/:bookingId/cancel',
    { summary: 'Give a place back', operationId: 'cancelBooking', action: 'booking.cancel', body: CancelBody },
    (organizationId, id, request) =>
      services.bookings.cancel(organizationId, id, (request.body as { reason?: string } | null)?.reason ?? 'caller'),
  );

  app.get<{ Params: { bookingId: string } }>(
    '/api/v1/bookings/:bookingId',
    {
      schema: {
        ...shared,
        summary: 'A booking',
        operationId: 'booking',
        params: BookingPath,
        response: { 200: BookingAnswer, ...refusals(...ACCESS_REFUSALS) },
      },
    },
    async (request) => {
      const organizationId = await access.authorize(request, 'bookings:write');
      const booking = await services.bookings.booking(organizationId, bookingId(request.params.bookingId));
      if (booking === null) throw new HttpError(404, 'not_found', 'No such booking.');
      return { success: true, changed: false, booking: told(booking) };
    },
  );
}

function bookingId(text: string): string {
  if (!UUID.test(text)) throw new HttpError(404, 'not_found', 'No such booking.');
  return text.toLowerCase();
}

function choiceOf({ slotId, date, startTime, fold }: HoldRequest): SlotChoice {
  if (slotId !== undefined && date === undefined && startTime === undefined && UUID.test(slotId)) return { slotId };
  if (slotId === undefined && date !== undefined && startTime !== undefined && isDate(date)) {
    return { date, startTime, ...(fold === undefined ? {} : { fold }) };
  }
  throw new HttpError(400, 'invalid_request', 'Give slotId, or date and startTime.');
}

function isDate(text: string): boolean {
  const read = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(read.getTime()) && read.toISOString().startsWith(text);
}

const MAX_DATES = 92;

/** @throws HttpError 400 */
function windowOf(query: { from?: string; to?: string }, { hours, horizonDays }: Clinic): { from: string; to: string } {
  const usual = usualWindow({ timeZone: hours.timeZone, daysAhead: horizonDays }, Date.now());
  const { from = usual.from, to = usual.to } = query;
  const dates = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
  if (isDate(from) && isDate(to) && dates >= 1 && dates <= MAX_DATES) return { from, to };
  throw new HttpError(
    400,
    'invalid_request',
    `from and to are dates, from not after to, at most ${MAX_DATES} of them.`,
  );
}

/** @throws HttpError 404, 409 */
function answerOf(result: BookingResult): object {
  if (result.ok) return { success: true, changed: result.changed, booking: told(result.booking) };
  if (result.reason === 'unknown') throw new HttpError(404, 'not_found', 'No such clinic or booking.');
  const otherTimes = result.otherTimes.map(({ slotId, date, startTime, startsAt, endsAt, places }) => ({
    slotId,
    date,
    startTime,
    startsAt: iso(startsAt),
    endsAt: iso(endsAt),
    places,
  }));
  throw new HttpError(409, `booking_${result.reason}`, SENTENCES[result.reason], { reason: result.reason, otherTimes });
}

function toldOf(result: BookingResult) {
  return { details: result.ok ? { booking: result.booking.bookingId } : { refused: result.reason } };
}

function told(b: Booking): object {
  return {
    bookingId: b.bookingId,
    confirmationNumber: b.confirmationNumber,
    clinicId: b.clinicId,
    slotId: b.slotId,
    date: b.date,
    startTime: b.startTime,
    startsAt: iso(b.startsAt),
    endsAt: iso(b.endsAt),
    status: b.status,
    expired: b.expired,
    holdExpiresAt: iso(b.holdExpiresAt),
    hasConflict: b.hasConflict,
    seenInSource: b.seenInSource,
  };
}
