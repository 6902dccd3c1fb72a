/** The calendar's JSON: both shapes, all wrappers, all time formats. */
import type { PortalVariant } from './portal.ts';
import { addDays, type Day, dayOf, formatWall, type Wall } from './wall.ts';
import { type CalendarEvent, type Clinic, endOf, isShown, peopleOf, shownId, statusTextOf, titleOf } from './world.ts';

export type CalendarRow = Record<string, unknown>;

/** Rows of `[start, end)`, as the portal orders them. */
export function calendarRows(clinic: Clinic, start: Wall, end: Wall, variant: PortalVariant): CalendarRow[] {
  const cut = variant.maxRangeDays === null ? end : `${addDays(dayOf(start), variant.maxRangeDays)} ${start.slice(11)}`;
  const to = cut < end ? cut : end;
  return clinic.events
    .filter((event) => {
      if (!isShown(event, variant) || event.start >= to) return false;
      return variant.rangeRule === 'starts' ? event.start >= start : endOf(clinic, event) > start;
    })
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : Number(a.id) - Number(b.id)))
    .map((event) =>
      variant.calendarShape === 'compact' ? compactRow(clinic, event, variant) : detailedRow(clinic, event, variant),
    );
}

export function wrap(rows: readonly CalendarRow[], variant: Pick<PortalVariant, 'calendarWrapper'>): unknown {
  return variant.calendarWrapper === 'none' ? rows : { [variant.calendarWrapper]: rows };
}

/** The days a request asks for, both ends included. */
export function daysAsked(start: Wall, end: Wall): { first: Day; last: Day } {
  const last = end.endsWith('00:00:00') && end > start ? addDays(dayOf(end), -1) : dayOf(end);
  return { first: dayOf(start), last };
}

function detailedRow(clinic: Clinic, event: CalendarEvent, variant: PortalVariant): CalendarRow {
  const format = variant.calendarTimes ?? 'space';
  const people = peopleOf(clinic, event.patientId);
  const text = statusTextOf(event, variant);
  const isAppointment = event.kind === 'appointment';
  const hidden = event.titleOnly;
  const id = shownId(event, variant);
  return {
    id,
    appointment_id: id,
    consultation_id: clinic.consultations.find(({ appointmentId }) => appointmentId === event.id)?.id ?? null,
    start: formatWall(event.start, format),
    ...(event.end === null ? {} : { end: formatWall(event.end, format) }),
    patient_id: people.patientId,
    patient_name: hidden ? null : people.patientName,
    client_id: people.clientId,
    first_name: hidden ? null : people.firstName,
    last_name: hidden ? null : people.lastName,
    email: people.email,
    phone_number: people.phone,
    provider: nameOf(clinic.providers, event.providerId),
    resourceId: event.roomId,
    title: titleOf(clinic, event),
    type_description: isAppointment ? nameOf(clinic.types, event.typeId) : null,
    reason: event.reason,
    current_status: isAppointment ? text.toLowerCase() : null,
    status_label: isAppointment ? text : null,
    is_block: event.kind === 'block',
    is_roster: event.kind === 'roster',
  };
}

/** The document that describes this shape says nothing of blocks and rosters: they carry the flags of the other one. */
function compactRow(clinic: Clinic, event: CalendarEvent, variant: PortalVariant): CalendarRow {
  const format = variant.calendarTimes ?? 'iso';
  const { patientName, firstName, lastName, phone } = peopleOf(clinic, event.patientId);
  const text = statusTextOf(event, variant);
  const row: CalendarRow = {
    id: shownId(event, variant),
    title: titleOf(clinic, event),
    start: formatWall(event.start, format),
    ...(event.end === null ? {} : { end: formatWall(event.end, format) }),
    resourceId: `room-${event.roomId}`,
  };
  if (event.kind !== 'appointment') {
    const providerName = nameOf(clinic.providers, event.providerId);
    return { ...row, className: `event-${event.kind}`, providerName, [`is_${event.kind}`]: true };
  }
  return {
    ...row,
    className: `status-${text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '-')}`,
    ...(event.titleOnly || patientName === null ? {} : { patientName, clientName: `${lastName}, ${firstName}` }),
    clientPhone: phone,
    providerName: nameOf(clinic.providers, event.providerId),
    appointmentType: nameOf(clinic.types, event.typeId),
    status: text,
  };
}

function nameOf(things: readonly { readonly id: string; name: string }[], id: string | null): string | null {
  return things.find((thing) => thing.id === id)?.name ?? null;
}
