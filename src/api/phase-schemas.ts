/** What `/api/sync/inbound`, `outbound`, `full` and `reconcile` ask for and answer. */
import { type TSchema, Type } from 'typebox';

const Instant = Type.String({ format: 'date-time' });
const count = () => Type.Integer({ minimum: 0 });
const days = (minimum: number, maximum: number, standard: number) =>
  Type.Optional(Type.Integer({ minimum, maximum, description: `Default ${standard}.` }));
const date = () => Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }));
const body = <const P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(
    { clinicId: Type.String({ minLength: 1, maxLength: 64 }), ...properties },
    { additionalProperties: false },
  );
const Range = Type.Object({ start: Type.String(), end: Type.String() });

export const InboundScheduleBody = body({
  daysAhead: days(1, 60, 30),
  slotDurationMinutes: Type.Optional(
    Type.Integer({
      minimum: 5,
      maximum: 60,
      description: "Taken note of: the connection's settings and the portal decide.",
    }),
  ),
  defaultCapacity: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10,
      description: "Taken note of: the connection's settings and the portal decide.",
    }),
  ),
});
export const InboundAppointmentsBody = body({ daysAhead: days(1, 30, 7) });
export const OutboundCasesBody = body({
  startDate: date(),
  endDate: date(),
  dateRange: Type.Optional(
    Type.Object(
      {
        start: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
        end: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
      },
      { additionalProperties: false },
    ),
  ),
  daysAhead: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 60,
      description: 'From startDate on. Without any of these: the days before today, and today.',
    }),
  ),
});
export const FullBody = body({
  backwardDays: days(0, 90, 7),
  forwardDays: days(0, 60, 0),
  reconciliationLookbackDays: days(1, 180, 7),
  scheduleDaysAhead: days(1, 60, 30),
  appointmentDaysAhead: days(1, 60, 14),
  skipOutbound: Type.Optional(Type.Boolean()),
  skipInbound: Type.Optional(Type.Boolean()),
});
export const ReconcileBody = body({ lookbackDays: days(1, 180, 7) });
/** Of what needs a language model: refused whatever it says. */
export const EnrichBody = Type.Object({}, { additionalProperties: true });

const CaseStats = Type.Object({
  total: count(),
  created: count(),
  updated: count(),
  skipped: Type.Integer({ minimum: 0, description: 'Unchanged, or skipped by a person.' }),
  failed: Type.Integer({ minimum: 0, description: 'In quarantine: nobody can say where they belong.' }),
  deleted: count(),
});
const AppointmentStats = Type.Object({
  appointmentsFound: count(),
  appointmentsAdded: count(),
  appointmentsUpdated: count(),
  appointmentsRemoved: count(),
});
const SlotStats = Type.Object({
  totalGenerated: Type.Integer({ minimum: 0, description: 'Slots of these dates that are still to come.' }),
  slotDurationMinutes: Type.Integer({ description: 'As it is in force.' }),
  defaultCapacity: Type.Integer({ description: 'As it is in force.' }),
});
const Clinic = Type.Object({ id: Type.String(), name: Type.String(), timezone: Type.String() });
const common = {
  success: Type.Boolean({ description: 'The run has completed; `partialSuccess` tells whether something is left.' }),
  syncId: Type.String(),
  partialSuccess: Type.Boolean(),
  durationMs: count(),
  timestamp: Instant,
};

export const InboundScheduleAnswer = Type.Object(
  { ...common, message: Type.String(), clinic: Clinic, dateRange: Range, stats: SlotStats },
  { description: 'The slots are stored.' },
);
export const InboundAppointmentsAnswer = Type.Object(
  { ...common, message: Type.String(), clinic: Clinic, dateRange: Range, stats: AppointmentStats },
  { description: 'The appointments are stored.' },
);
export const CasesAnswer = Type.Object(
  {
    ...common,
    stats: CaseStats,
    errors: Type.Optional(Type.Array(Type.Object({ message: Type.String(), context: Type.String() }))),
  },
  { description: 'The consultations are stored, and their cases are as they are.' },
);
export const ReconcileAnswer = Type.Object(
  {
    ...CasesAnswer.properties,
    stats: Type.Object({ ...CaseStats.properties, reconciled: count() }),
    deletedCases: Type.Array(Type.String(), {
      description: 'Always empty: a case without consultations becomes a draft.',
    }),
  },
  { description: 'What is stored of these dates is as the portal lists it.' },
);
const Phase = (stats: TSchema) =>
  Type.Union([
    Type.Object({ success: Type.Literal(true), syncId: Type.String(), partialSuccess: Type.Boolean(), stats }),
    Type.Object({
      success: Type.Literal(false),
      syncId: Type.Union([Type.String(), Type.Null()]),
      error: Type.String(),
      code: Type.String(),
    }),
    Type.Null({ description: 'Skipped.' }),
  ]);
export const FullAnswer = Type.Object({
  success: Type.Boolean({ description: 'Every phase that was asked for succeeded as a whole.' }),
  clinicId: Type.String(),
  results: Type.Object({
    outbound: Phase(CaseStats),
    inbound: Type.Object({ schedule: Phase(SlotStats), appointments: Phase(AppointmentStats) }),
  }),
  durationMs: count(),
  timestamp: Instant,
});
