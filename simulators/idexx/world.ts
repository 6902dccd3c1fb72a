/** What a simulated clinic consists of. Plain, mutable data: a test may change anything between two calls. */
import type { Client, Patient } from './people.ts';
import type { PortalVariant } from './portal.ts';
import { type ExpectedStatus, expectedStatus, STAGE_TEXTS, type Stage } from './statuses.ts';
import { addMinutes, type Day, type Wall } from './wall.ts';

export interface Account {
  readonly username: string;
  password: string;
  /** What the second factor page takes. */
  code: string;
}

export interface BusinessHours {
  /** 0 = Sunday */
  daysOfWeek: number[];
  /** `HH:MM` */
  start: string;
  end: string;
}

/** A column of the calendar; usually named after a doctor. */
export interface Room {
  readonly id: string;
  name: string;
}

export interface Provider {
  readonly id: string;
  name: string;
  color: string;
  active: boolean;
}

export interface AppointmentType {
  readonly id: string;
  name: string;
  /** Minutes */
  duration: number;
  color: string;
}

export interface CalendarEvent {
  readonly id: string;
  kind: 'appointment' | 'block' | 'roster';
  start: Wall;
  /** Null: the portal leaves the field out; the type's duration counts, else one slot. */
  end: Wall | null;
  roomId: string;
  providerId: string | null;
  typeId: string | null;
  patientId: string | null;
  reason: string;
  notes: string;
  stage: Stage;
  /** In place of the usual text of the stage. */
  statusText: string | null;
  /** Names are only in the title. */
  titleOnly: boolean;
  /** Recurring entries share it: it is the id of the first. */
  seriesId: string | null;
  cancelledReason: string | null;
  bookedBy: string;
  /** ISO, UTC */
  createdAt: string;
}

export interface Consultation {
  readonly id: string;
  /** Null: nothing says which appointment it belongs to. */
  appointmentId: string | null;
  patientId: string;
  providerId: string | null;
  consultedAt: Wall;
  status: 'Draft' | 'Completed' | 'Unpaid' | 'Partially paid' | 'Paid' | 'In Progress' | 'Cancelled';
  reason: string;
  clinicalNotes: string;
  dischargeSummary: string;
  vitals: Vitals | null;
  diagnoses: string[];
  lines: { productService: string; quantity: number; isDeclined: boolean }[];
}

export interface Vitals {
  temperature: number;
  /** Left out by the portal where it is the usual one: F, lb. */
  temperatureUnit?: 'F' | 'C';
  pulse: number;
  respiration: number;
  weight: number;
  weightUnit?: 'lb' | 'kg';
  bloodPressure: string;
}

export interface Clinic {
  readonly companyId: string;
  readonly seed: number | string;
  name: string;
  timeZone: string;
  accounts: Account[];
  hours: BusinessHours[];
  /** Lunch and the like: kept by the clinic, not in the portal's configuration. */
  breaks: BusinessHours[];
  slotMinutes: number;
  rooms: Room[];
  providers: Provider[];
  types: AppointmentType[];
  clients: Client[];
  patients: Patient[];
  events: CalendarEvent[];
  consultations: Consultation[];
  /** The last day that has rosters and recurring blocks. */
  filledUntil: Day;
  /** Until when life has gone on; milliseconds. */
  livedUntil: number;
  nextId: number;
}

export function newId(clinic: Clinic): string {
  return String(clinic.nextId++);
}

export function newEvent(
  clinic: Clinic,
  fields: Pick<CalendarEvent, 'kind' | 'start' | 'roomId'> & Partial<CalendarEvent>,
): CalendarEvent {
  const event: CalendarEvent = {
    id: newId(clinic),
    end: null,
    providerId: null,
    typeId: null,
    patientId: null,
    reason: '',
    notes: '',
    stage: 'booked',
    statusText: null,
    titleOnly: false,
    seriesId: null,
    cancelledReason: null,
    bookedBy: 'Desk Sample',
    createdAt: new Date(clinic.livedUntil).toISOString(),
    ...fields,
  };
  clinic.events.push(event);
  return event;
}

/** Where the event ends, also when the portal does not say so. */
export function endOf(clinic: Clinic, event: CalendarEvent): Wall {
  if (event.end !== null) return event.end;
  const type = clinic.types.find(({ id }) => id === event.typeId);
  return addMinutes(event.start, type?.duration ?? clinic.slotMinutes);
}

export function statusTextOf(event: CalendarEvent, variant: Pick<PortalVariant, 'language'>): string {
  return event.statusText ?? STAGE_TEXTS[variant.language][event.stage];
}

export function statusOf(
  event: CalendarEvent,
  variant: Pick<PortalVariant, 'language'>,
): { status: ExpectedStatus; unknown: boolean; text: string } {
  const text = statusTextOf(event, variant);
  return { ...expectedStatus(text), text };
}

/** The id the portal shows. */
export function shownId(event: CalendarEvent, variant: Pick<PortalVariant, 'sharedBlockIds'>): string {
  return variant.sharedBlockIds && event.kind === 'block' && event.seriesId ? event.seriesId : event.id;
}

/** Whether the portal shows it at all. */
export function isShown(event: CalendarEvent, variant: Pick<PortalVariant, 'cancelled'>): boolean {
  return event.stage !== 'cancelled' || variant.cancelled === 'stay';
}

export interface People {
  patientId: string | null;
  patientName: string | null;
  clientId: string | null;
  firstName: string | null;
  lastName: string | null;
  email: string | null;
  phone: string | null;
}

export function peopleOf(clinic: Clinic, patientId: string | null): People {
  const patient = clinic.patients.find(({ id }) => id === patientId);
  const client = clinic.clients.find(({ id }) => id === patient?.clientId);
  return {
    patientId: patient?.id ?? null,
    patientName: patient?.name ?? null,
    clientId: client?.id ?? null,
    firstName: client?.firstName ?? null,
    lastName: client?.lastName ?? null,
    email: client?.email ?? null,
    phone: client?.phone ?? null,
  };
}

/** `PATIENT; LAST, FIRST` in capitals; the reason for blocks and rosters. */
export function titleOf(clinic: Clinic, event: CalendarEvent): string {
  const { patientName, firstName, lastName } = peopleOf(clinic, event.patientId);
  if (patientName === null) return event.reason;
  return `${patientName}; ${lastName ?? ''}, ${firstName ?? ''}`.toUpperCase();
}
