/** A clinic and its calendar, all invented. */
import type { CalendarAppointment } from '../../src/domain/appointments.ts';
import { widestInterval } from '../../src/domain/clinic-day.ts';
import type { DateRead } from '../../src/domain/reconcile-appointments.ts';
import type { ClinicSettings } from '../../src/ports/slot-book.ts';

export const ZONE = 'America/Los_Angeles';
/** A Monday. */
export const MONDAY = '2030-05-06';
export const TUESDAY = '2030-05-07';
export const WEDNESDAY = '2030-05-08';

export function settings(changes: Partial<ClinicSettings> = {}, hours: Partial<ClinicSettings['hours']> = {}) {
  const open = [{ from: '09:00', to: '10:00' }];
  return {
    hours: {
      timeZone: ZONE,
      hours: { 1: open, 2: open, 3: open, 4: open, 5: open },
      slotMinutes: 15,
      capacity: 2,
      ...hours,
    },
    breaks: [],
    closedDays: [],
    horizonDays: 14,
    staleAfterMinutes: 60,
    alarmAfterMinutes: 240,
    roomIds: null,
    appointmentTypes: [{ name: 'Surgery', minutes: 45 }],
    sourceConfig: { slotInterval: 15 },
    ...changes,
  } satisfies ClinicSettings;
}

/** @param times `09:00-09:30` */
export function appointment(
  id: string,
  date: string,
  times: string,
  changes: Partial<CalendarAppointment> = {},
  timeZone = ZONE,
): CalendarAppointment {
  const [startTime = '', endTime = ''] = times.split('-');
  return {
    neoAppointmentId: id,
    date,
    startTime,
    endTime,
    ...widestInterval(`${date}T${startTime}`, `${date}T${endTime}`, timeZone),
    patientName: 'Biscuit',
    clientName: 'Example, Ann',
    clientPhone: '+15550100',
    providerName: 'Dr Example',
    roomId: '7',
    appointmentType: 'Vaccination',
    status: 'scheduled',
    ...changes,
  };
}

export function readOf(date: string, ...appointments: CalendarAppointment[]): DateRead & { state: 'complete' } {
  return { date, state: 'complete', readAt: Date.now(), appointments };
}

export function failedRead(date: string): DateRead {
  return { date, state: 'failed', code: 'source_timeout' };
}
