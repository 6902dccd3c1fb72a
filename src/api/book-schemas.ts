/** What the routes of a clinic's book ask for and answer. */
import { type TSchema, Type } from 'typebox';
import { Refusal } from './refusals.ts';

const nullable = (schema: TSchema) => Type.Union([schema, Type.Null()]);
const Instant = Type.String({ format: 'date-time' });
const count = () => Type.Integer({ minimum: 0 });
const date = (description?: string) =>
  Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', ...(description === undefined ? {} : { description }) });
const time = () => Type.String({ pattern: '^\\d{2}:\\d{2}$' });
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const open = { additionalProperties: false };

export const ClinicPath = Type.Object({ clinicId: Type.String({ maxLength: 64, description: 'UUID of the clinic.' }) });

export const StartBody = Type.Object(
  {
    clinicId: text(64),
    daysAhead: Type.Optional(Type.Integer({ minimum: 1, maximum: 60 })),
    startDate: Type.Optional(date('Default: today where the clinic is.')),
    endDate: Type.Optional(date('Default: daysAhead days from startDate on.')),
  },
  open,
);

export const Stats = Type.Object({
  slotsCreated: count(),
  slotsUpdated: count(),
  appointmentsAdded: count(),
  appointmentsUpdated: count(),
  appointmentsRemoved: count(),
  conflictsDetected: count(),
  conflictsResolved: count(),
});
const Range = Type.Object({ start: date(), end: date() });

export const SyncAnswer = Type.Object(
  {
    success: Type.Boolean(),
    syncId: Type.String(),
    stats: Stats,
    dateRange: nullable(Range),
    syncedAt: Instant,
    nextStaleAt: Instant,
    partialSuccess: Type.Boolean({ description: 'Dates are missing, or deletions wait for a person.' }),
    failedDates: Type.Array(date()),
    errors: Type.Array(Type.String()),
    durationMs: count(),
    timestamp: Instant,
  },
  { description: 'The run has ended.' },
);

export const QueuedAnswer = Type.Object(
  {
    success: Type.Boolean(),
    syncId: Type.String(),
    status: Type.Enum(['starting', 'queued']),
    statusUrl: Type.String(),
    streamUrl: Type.String(),
  },
  { description: 'Asked for; it goes on without the caller.' },
);

const RunAnswer = Type.Object({
  id: Type.String(),
  syncId: Type.String(),
  status: Type.String(),
  completedAt: nullable(Instant),
  progressPercentage: Type.Number(),
  currentDate: nullable(date()),
  dateRange: nullable(Range),
  stats: Stats,
  failedDates: Type.Array(date()),
  partialSuccess: Type.Boolean(),
  error: nullable(Type.String()),
  durationMs: nullable(count()),
});

export const DayAnswer = Type.Object({
  date: date(),
  readAt: nullable(Instant),
  ageMinutes: nullable(count()),
  freshness: Type.Enum(['fresh', 'stale', 'alarm']),
  failedAt: nullable(Instant),
  failedCode: nullable(Type.String()),
  sentence: Type.String(),
});

export const StatusAnswer = Type.Object(
  {
    clinicId: Type.String(),
    clinicName: Type.String({ description: 'Id of the connection.' }),
    hasData: Type.Boolean(),
    isStale: Type.Boolean({ description: 'The book of a date of the window is old, or was never read.' }),
    calendar: Type.Object(
      {
        state: Type.Enum(['known', 'unknown']),
        since: nullable(Instant),
        reason: nullable(Type.String()),
      },
      {
        description:
          'unknown: it was never read, or the newest run could not read or understand it. What is stored is then from the last good reads; nothing of it was removed.',
      },
    ),
    lastSync: Type.Optional(nullable(RunAnswer)),
    activeSync: Type.Optional(nullable(RunAnswer)),
    lastFailure: Type.Optional(nullable(RunAnswer)),
    freshness: Type.Optional(
      Type.Object({
        syncedAt: nullable(Instant),
        nextStaleAt: nullable(Instant),
        minutesSinceSync: nullable(count()),
        staleThresholdMinutes: count(),
        syncHorizonDays: count(),
      }),
    ),
    days: Type.Optional(Type.Array(DayAnswer)),
    message: Type.String(),
    recommendedAction: Type.Optional(Type.String()),
  },
  { description: 'How old the book is, and what its runs did.' },
);

export const FreshnessAnswer = Type.Object(
  { clinicId: Type.String(), days: Type.Array(DayAnswer), timestamp: Instant },
  { description: 'One entry for each date of the window.' },
);

export const ScrapeBody = Type.Object(
  { type: Type.Enum(['schedule', 'consultation']), clinicId: text(64), date: Type.Optional(date()) },
  open,
);
export const ScrapeAnswer = Type.Object(
  {
    success: Type.Boolean(),
    sessionId: Type.String(),
    scrapeType: Type.Enum(['schedule', 'consultation']),
    recordsScraped: count(),
    errors: Type.Array(Type.String()),
    durationMs: count(),
    timestamp: Instant,
  },
  { description: 'The run has ended.' },
);

export const SlotAnswer = Type.Object({
  slotId: Type.String(),
  date: date(),
  startTime: time(),
  endTime: time(),
  fold: Type.Integer({ minimum: 0, maximum: 1, description: '1: the second time in the hour that comes twice.' }),
  startsAt: Instant,
  endsAt: Instant,
  capacity: count(),
  places: count(),
  readAt: nullable(Instant),
  freshness: Type.Enum(['fresh', 'stale', 'alarm']),
});
export const AvailabilityAnswer = Type.Object(
  { clinicId: Type.String(), slots: Type.Array(SlotAnswer), timestamp: Instant },
  { description: 'Times at which something can begin, in their order.' },
);
export const AvailabilityQuery = Type.Object(
  {
    from: Type.Optional(date('Default: today where the clinic is.')),
    to: Type.Optional(date('Default: as far as the book is read.')),
    minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1440, description: 'Default: one slot.' })),
    appointmentType: Type.Optional(text(200)),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 100.' })),
  },
  open,
);

const CallerBody = Type.Object(
  {
    clientName: Type.Optional(text(200)),
    clientPhone: Type.Optional(
      Type.String({
        pattern: '^\\+[1-9]\\d{6,14}$',
        description: 'E.164: by it the clinic’s own entry is recognised.',
      }),
    ),
    patientName: Type.Optional(text(200)),
    species: Type.Optional(text(100)),
    breed: Type.Optional(text(100)),
    reason: Type.Optional(text(1000)),
    isNewClient: Type.Optional(Type.Boolean()),
    callId: Type.Optional(text(200)),
  },
  open,
);
export const HoldBody = Type.Object(
  {
    slotId: Type.Optional(text(64)),
    date: Type.Optional(date()),
    startTime: Type.Optional(time()),
    fold: Type.Optional(Type.Integer({ minimum: 0, maximum: 1 })),
    minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1440 })),
    maxAgeMinutes: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Refuse when the book of the date is older.' }),
    ),
    caller: CallerBody,
  },
  { ...open, description: 'slotId, or date and startTime.' },
);
export const CancelBody = Type.Object(
  { reason: Type.Optional(Type.String({ pattern: '^[a-z_]{1,40}$', description: 'One word. Default: caller.' })) },
  open,
);

export const BookingAnswer = Type.Object(
  {
    success: Type.Literal(true),
    changed: Type.Boolean({ description: 'False: it had been so already.' }),
    booking: Type.Object({
      bookingId: Type.String(),
      confirmationNumber: Type.String(),
      clinicId: Type.String(),
      slotId: nullable(Type.String()),
      date: date(),
      startTime: time(),
      startsAt: Instant,
      endsAt: Instant,
      status: Type.Enum(['pending', 'confirmed', 'rescheduled', 'cancelled']),
      expired: Type.Boolean(),
      holdExpiresAt: nullable(Instant),
      hasConflict: Type.Boolean(),
      seenInSource: Type.Boolean({ description: 'The clinic’s calendar shows it: it is changed there.' }),
    }),
  },
  { description: 'The booking as it is now. It names nobody.' },
);

export const REASONS = [
  'no_slot',
  'past',
  'blocked',
  'full',
  'stale',
  'expired',
  'cancelled',
  'in_source',
  'key_reused',
] as const;
export const BookingRefused = Type.Object(
  {
    ...Refusal.properties,
    reason: Type.Enum([...REASONS]),
    otherTimes: Type.Array(
      Type.Object({
        slotId: Type.String(),
        date: date(),
        startTime: time(),
        startsAt: Instant,
        endsAt: Instant,
        places: count(),
      }),
    ),
  },
  { description: 'There is no place, or the booking is past that. Nothing has changed.' },
);
