/** Copied records as FHIR R4 resources. What FHIR has no place for is left out, never bent. */
import type { AppointmentState, PostalAddress } from '../../domain/clinic.ts';
import type {
  AppointmentRecord,
  BusinessRecord,
  PatientRecord,
  PractitionerRecord,
} from '../../ports/clinic-reports.ts';

export type Resource = { readonly resourceType: string; readonly id: string } & Readonly<Record<string, unknown>>;

/** Whose ids the source's are: one system for each connection. */
export function systemOf(connectionId: string, kind: string): string {
  return `urn:chartsync:connection:${connectionId}:${kind}`;
}

const ATTENDANCE = 'urn:chartsync:attendance';
const CANCELLATION = 'urn:chartsync:cliniko:cancellation-reason';
const CANCEL_REASON = 'http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason';
const TIME_ZONE = 'http://hl7.org/fhir/StructureDefinition/timezone';

/** Drops what is empty: FHIR knows no null and no empty list. */
function compact(resource: Resource): Resource {
  return Object.fromEntries(
    Object.entries(resource).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  ) as Resource;
}

const meta = (record: { updatedAt: string }) => ({ lastUpdated: record.updatedAt });

export function patientResource(record: PatientRecord): Resource {
  const given = [record.firstName].filter((part) => part !== null);
  const official = {
    use: 'official',
    ...(record.lastName === null ? {} : { family: record.lastName }),
    ...(given.length === 0 ? {} : { given }),
    ...(record.title === null ? {} : { prefix: [record.title] }),
  };
  return compact({
    resourceType: 'Patient',
    id: record.id,
    meta: meta(record),
    identifier: [
      { system: systemOf(record.connectionId, 'patients'), value: record.reference },
      ...(record.oldReferenceId === null
        ? []
        : [{ use: 'old', system: systemOf(record.connectionId, 'old-reference'), value: record.oldReferenceId }]),
    ],
    active: record.archivedAt === null && record.deletedAt === null && !record.merged,
    name: [
      ...(record.firstName === null && record.lastName === null ? [] : [official]),
      ...(record.preferredFirstName === null ? [] : [{ use: 'nickname', given: [record.preferredFirstName] }]),
    ],
    telecom: [
      ...record.phones.map(contactPoint),
      ...(record.email === null ? [] : [{ system: 'email', value: record.email }]),
    ],
    gender: genderOf(record.sex),
    birthDate: record.birthDate,
    address: addressOf(record.address),
    link: record.mergedInto === null ? [] : [{ other: referenceTo(record, record.mergedInto), type: 'replaced-by' }],
  });
}

/** A patient that is not in our copy is named by its id in the source. */
function referenceTo({ connectionId }: PatientRecord, patient: { id: string | null; reference: string }) {
  return patient.id === null
    ? { type: 'Patient', identifier: { system: systemOf(connectionId, 'patients'), value: patient.reference } }
    : { reference: `Patient/${patient.id}` };
}

function contactPoint(phone: { type: string; number: string }) {
  const use = { Mobile: 'mobile', Home: 'home', Work: 'work' }[phone.type];
  return { system: phone.type === 'Fax' ? 'fax' : 'phone', value: phone.number, ...(use === undefined ? {} : { use }) };
}

function genderOf(sex: string | null): string | null {
  if (sex === null) return null;
  const text = sex.trim().toLowerCase();
  if (['male', 'm'].includes(text)) return 'male';
  if (['female', 'f'].includes(text)) return 'female';
  return ['not known', 'unknown', 'not applicable'].includes(text) ? 'unknown' : 'other';
}

function addressOf(address: PostalAddress | null): object[] {
  if (address === null) return [];
  const { lines, city, state, postCode, countryCode } = address;
  return [
    {
      ...(lines.length === 0 ? {} : { line: lines }),
      ...(city === null ? {} : { city }),
      ...(state === null ? {} : { state }),
      ...(postCode === null ? {} : { postalCode: postCode }),
      ...(countryCode === null ? {} : { country: countryCode }),
    },
  ];
}

export function practitionerResource(record: PractitionerRecord): Resource {
  const name = {
    ...(record.displayName === null ? {} : { text: record.displayName }),
    ...(record.lastName === null ? {} : { family: record.lastName }),
    ...(record.firstName === null ? {} : { given: [record.firstName] }),
    ...(record.title === null ? {} : { prefix: [record.title] }),
  };
  return compact({
    resourceType: 'Practitioner',
    id: record.id,
    meta: meta(record),
    identifier: [{ system: systemOf(record.connectionId, 'practitioners'), value: record.reference }],
    active: record.active && record.deletedAt === null,
    name: Object.keys(name).length === 0 ? [] : [name],
    qualification: record.designation === null ? [] : [{ code: { text: record.designation } }],
  });
}

export function locationResource(record: BusinessRecord): Resource {
  return compact({
    resourceType: 'Location',
    id: record.id,
    meta: meta(record),
    extension: record.timeZone === null ? [] : [{ url: TIME_ZONE, valueCode: record.timeZone }],
    identifier: [{ system: systemOf(record.connectionId, 'businesses'), value: record.reference }],
    status: record.archivedAt === null && record.deletedAt === null ? 'active' : 'inactive',
    name: record.name,
    mode: 'instance',
    address: addressOf(record.address)[0] ?? null,
  });
}

/** A past appointment that nobody marked stays booked: nothing proves that somebody came. */
export function appointmentStatus(
  record: Pick<AppointmentRecord, 'status' | 'startsAt' | 'endsAt'>,
  now: number,
): string {
  const ended = Date.parse(record.endsAt ?? record.startsAt) < now;
  const names: Readonly<Record<AppointmentState, string>> = {
    booked: 'booked',
    arrived: ended ? 'fulfilled' : 'arrived',
    noshow: 'noshow',
    cancelled: 'cancelled',
    archived: 'entered-in-error',
    deleted: 'entered-in-error',
  };
  return names[record.status];
}

const OF_THE_PATIENT = new Set([10, 20, 30, 31, 40, 60]);

export function appointmentResource(record: AppointmentRecord, now: number): Resource {
  const status = appointmentStatus(record, now);
  const { cancellationReason: reason } = record;
  const actor = (type: string, id: string | null) =>
    id === null ? [] : [{ actor: { reference: `${type}/${id}` }, status: 'accepted' }];
  const participants = [
    ...record.attendances.map((attendance) => ({
      ...(attendance.status === 'arrived' || attendance.status === 'noshow'
        ? { extension: [{ url: ATTENDANCE, valueCode: attendance.status }] }
        : {}),
      actor: { reference: `Patient/${attendance.patientId}` },
      status: ['cancelled', 'archived', 'deleted'].includes(attendance.status) ? 'declined' : 'accepted',
    })),
    ...actor('Practitioner', record.practitionerId),
    ...actor('Location', record.businessId),
  ];
  return compact({
    resourceType: 'Appointment',
    id: record.id,
    meta: meta(record),
    identifier: [{ system: systemOf(record.connectionId, 'appointments'), value: record.reference }],
    status,
    cancelationReason:
      status === 'cancelled' && reason !== null
        ? {
            coding: [
              { system: CANCEL_REASON, code: OF_THE_PATIENT.has(reason) ? 'pat' : 'other' },
              { system: CANCELLATION, code: String(reason) },
            ],
          }
        : null,
    serviceType: record.type === null ? [] : [{ text: record.type }],
    start: record.startsAt,
    // An appointment has both or neither.
    end: record.endsAt ?? record.startsAt,
    comment: record.notes,
    // The list must not be empty, and nobody may be invented.
    participant:
      participants.length > 0
        ? participants
        : [{ type: [{ text: 'No participant is known' }], status: 'needs-action' }],
  });
}
