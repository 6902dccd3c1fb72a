/** Examples: the book of a clinic, and places promised to callers. */
import { refusal } from '../errors.ts';
import { BEGUN, CONNECTION, ENDED, type Examples, NOW } from './practice.ts';

const CLINIC = '5c0a1f2e-3b4d-4c5e-8f60-718293a4b5c6';
const SYNC = 'sync_org_riverside_20260303_090000_9c8d7e6f';
const SLOT = '0f1e2d3c-4b5a-4968-8776-655443322110';
const BOOKING = '7a6b5c4d-3e2f-4102-9384-a5b6c7d8e9f0';

const stats = {
  slotsCreated: 36,
  slotsUpdated: 0,
  appointmentsAdded: 21,
  appointmentsUpdated: 4,
  appointmentsRemoved: 1,
  conflictsDetected: 0,
  conflictsResolved: 0,
};
const range = { start: '2026-03-03', end: '2026-03-16' };
const day = {
  date: '2026-03-04',
  readAt: BEGUN,
  ageMinutes: 4,
  freshness: 'fresh',
  failedAt: null,
  failedCode: null,
  sentence: "Tomorrow's book is 4 minutes old.",
};
const run = {
  id: SYNC,
  syncId: SYNC,
  status: 'completed',
  completedAt: ENDED,
  progressPercentage: 100,
  currentDate: null,
  dateRange: range,
  stats,
  failedDates: [],
  partialSuccess: false,
  error: null,
  durationMs: 4210,
};
const booking = {
  bookingId: BOOKING,
  confirmationNumber: 'ODIS-1A2B3C4D',
  clinicId: CLINIC,
  slotId: SLOT,
  date: '2026-03-04',
  startTime: '09:15',
  startsAt: '2026-03-04T17:15:00.000Z',
  endsAt: '2026-03-04T17:30:00.000Z',
  status: 'pending',
  expired: false,
  holdExpiresAt: '2026-03-03T09:10:00.000Z',
  hasConflict: false,
  seenInSource: false,
};
const span = {
  date: booking.date,
  startTime: booking.startTime,
  endTime: '09:30',
  startsAt: booking.startsAt,
  endsAt: booking.endsAt,
};
const answer = (change: object) => ({ success: true, changed: true, booking: { ...booking, ...change } });
const otherTime = {
  slotId: '1e2d3c4b-5a69-4788-9665-544332211000',
  date: '2026-03-04',
  startTime: '09:30',
  startsAt: '2026-03-04T17:30:00.000Z',
  endsAt: '2026-03-04T17:45:00.000Z',
  places: 2,
};
function refused(reason: string, message: string, otherTimes: readonly object[] = []): object {
  const details = { error_type: `booking_${reason}`, message, retry_after: null };
  return { ...refusal(message, details, { reason, otherTimes }), timestamp: NOW };
}

const status = {
  last_scrape: { type: 'schedule', status: 'completed', timestamp: ENDED, records_scraped: 27 },
  system_status: 'healthy',
  uptime_seconds: 86_400,
};
const ended = { success: true, syncId: SYNC, partialSuccess: false, durationMs: 4210, timestamp: NOW };
const clinic = { id: CLINIC, name: 'front-desk', timezone: 'America/Los_Angeles' };
const slotStats = { totalGenerated: 504, slotDurationMinutes: 15, defaultCapacity: 4 };
const appointmentStats = {
  appointmentsFound: 27,
  appointmentsAdded: 21,
  appointmentsUpdated: 4,
  appointmentsRemoved: 1,
};
const caseStats = { total: 31, created: 6, updated: 1, skipped: 24, failed: 1, deleted: 0 };
const quarantined = {
  message:
    '1 consultations name no appointment that is stored: see GET /api/v1/clinics/…/consultations?state=quarantined.',
  context: 'quarantine',
};
const full = { clinicId: CLINIC, durationMs: 9030, timestamp: NOW };
const inbound = {
  schedule: { success: true, syncId: SYNC, partialSuccess: false, stats: slotStats },
  appointments: { success: true, syncId: SYNC, partialSuccess: false, stats: appointmentStats },
};

export const BOOK_EXAMPLES: Examples = {
  scheduleSync: {
    body: { clinicId: CLINIC, daysAhead: 14 },
    answers: {
      200: {
        success: true,
        syncId: SYNC,
        stats,
        dateRange: range,
        syncedAt: BEGUN,
        nextStaleAt: '2026-03-03T10:00:00.000Z',
        partialSuccess: false,
        failedDates: [],
        errors: [],
        durationMs: 4210,
        timestamp: NOW,
      },
      202: {
        success: true,
        syncId: SYNC,
        status: 'starting',
        statusUrl: `/api/idexx/schedule-sync/status?clinicId=${CLINIC}`,
        streamUrl: `/api/idexx/schedule-sync/stream/${SYNC}`,
      },
    },
  },
  scheduleSyncStatus: {
    answers: {
      200: {
        clinicId: CLINIC,
        clinicName: 'front-desk',
        hasData: true,
        isStale: false,
        calendar: { state: 'known', since: null, reason: null },
        lastSync: run,
        activeSync: null,
        lastFailure: null,
        freshness: {
          syncedAt: BEGUN,
          nextStaleAt: '2026-03-03T10:00:00.000Z',
          minutesSinceSync: 4,
          staleThresholdMinutes: 60,
          syncHorizonDays: 14,
        },
        days: [day],
        message: 'The book of every date is fresh.',
      },
    },
  },
  idexxScrape: {
    body: { type: 'schedule', clinicId: CLINIC, date: '2026-03-04' },
    answers: {
      200: {
        success: true,
        sessionId: SYNC,
        scrapeType: 'schedule',
        recordsScraped: 27,
        errors: [],
        durationMs: 940,
        timestamp: NOW,
      },
    },
  },
  idexxStatus: { answers: { 200: status } },
  idexxSyncStatus: { answers: { 200: status } },
  inboundSchedule: {
    body: { clinicId: CLINIC, daysAhead: 14 },
    answers: {
      200: { ...ended, message: '504 slots are stored.', clinic, dateRange: range, stats: slotStats },
    },
  },
  inboundAppointments: {
    body: { clinicId: CLINIC, daysAhead: 14 },
    answers: {
      200: { ...ended, message: '27 appointments are stored.', clinic, dateRange: range, stats: appointmentStats },
    },
  },
  outboundCases: {
    body: { clinicId: CLINIC, startDate: '2026-02-24', endDate: '2026-03-03' },
    answers: { 200: { ...ended, partialSuccess: true, stats: caseStats, errors: [quarantined] } },
  },
  reconcileCases: {
    body: { clinicId: CLINIC, lookbackDays: 30 },
    answers: {
      200: {
        ...ended,
        partialSuccess: true,
        stats: { ...caseStats, reconciled: 31 },
        deletedCases: [],
        errors: [quarantined],
      },
    },
  },
  fullSync: {
    body: { clinicId: CLINIC, backwardDays: 7, scheduleDaysAhead: 14 },
    answers: {
      200: {
        ...full,
        success: true,
        results: {
          outbound: { success: true, syncId: SYNC, partialSuccess: false, stats: { ...caseStats, failed: 0 } },
          inbound,
        },
      },
      207: {
        ...full,
        success: false,
        results: {
          outbound: {
            success: false,
            syncId: SYNC,
            error: 'The source could not be read to its end, or its counts do not agree.',
            code: 'source_incomplete',
          },
          inbound,
        },
      },
    },
  },
  outboundEnrich: { body: { clinicId: CLINIC }, answers: {} },
  outboundFull: { body: { clinicId: CLINIC }, answers: {} },
  clinicConsultations: {
    answers: {
      200: {
        clinicId: CLINIC,
        counts: { linked: 118, quarantined: 2, noAppointmentId: 1, appointmentUnknown: 1 },
        consultations: [
          {
            id: '4d3c2b1a-6f5e-4807-9182-a3b4c5d6e7f8',
            neoConsultationId: '77120',
            neoAppointmentId: null,
            consultedAt: BEGUN,
            date: '2026-03-03',
            status: 'completed',
            caseId: null,
            quarantineReason: 'no_appointment_id',
          },
        ],
        next: null,
      },
    },
  },
  clinicAvailability: {
    answers: {
      200: {
        clinicId: CLINIC,
        slots: [
          {
            slotId: SLOT,
            date: '2026-03-04',
            startTime: '09:15',
            endTime: '09:30',
            fold: 0,
            startsAt: booking.startsAt,
            endsAt: booking.endsAt,
            capacity: 4,
            places: 1,
            readAt: BEGUN,
            freshness: 'fresh',
          },
        ],
        timestamp: NOW,
      },
    },
  },
  clinics: {
    answers: { 200: { clinics: [{ clinicId: CLINIC, connectionId: CONNECTION, timeZone: 'America/Los_Angeles' }] } },
  },
  clinicSchedule: {
    answers: {
      200: {
        clinicId: CLINIC,
        connectionId: CONNECTION,
        timeZone: 'America/Los_Angeles',
        rooms: [{ id: '7', name: 'Room 1' }],
        days: [day],
        slots: [
          {
            slotId: SLOT,
            ...span,
            fold: 0,
            capacity: 4,
            appointments: 2,
            bookings: 1,
            places: 1,
            block: null,
          },
        ],
        appointments: [
          {
            id: '2b3c4d5e-6f70-4182-93a4-b5c6d7e8f901',
            ...span,
            roomId: '7',
            patientName: 'Biscuit',
            clientName: 'Avery Sample',
            providerName: 'Dr Example',
            type: 'Consultation',
            status: 'scheduled',
            unconfirmed: false,
          },
        ],
        bookings: [
          {
            bookingId: BOOKING,
            confirmationNumber: booking.confirmationNumber,
            date: span.date,
            startTime: span.startTime,
            startsAt: span.startsAt,
            endsAt: span.endsAt,
            status: 'pending',
            holdExpiresAt: booking.holdExpiresAt,
            hasConflict: false,
          },
        ],
        timestamp: NOW,
      },
    },
  },
  clinicFreshness: { answers: { 200: { clinicId: CLINIC, days: [day], timestamp: NOW } } },
  holdPlace: {
    body: { slotId: SLOT, caller: { clientName: 'Avery Sample', clientPhone: '+15555550100', patientName: 'Biscuit' } },
    answers: { 201: answer({}), 409: refused('full', 'There is no place any more.', [otherTime]) },
  },
  confirmBooking: {
    answers: { 200: answer({ status: 'confirmed' }), 409: refused('expired', 'The hold has expired.') },
  },
  cancelBooking: {
    body: { reason: 'caller' },
    answers: {
      200: answer({ status: 'cancelled' }),
      409: refused('in_source', 'The clinic has it in its calendar: it can only be changed there.'),
    },
  },
  booking: { answers: { 200: { ...answer({}), changed: false } } },
};
