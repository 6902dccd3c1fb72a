/** The resources that can be listed, with the fields the vendor's description lets a request filter by. */
import { attendees, blocks, bookings, groups, individuals } from './catalogue-bookings.ts';
import { contentOf } from './document-content.ts';
import type {
  AppointmentType,
  AvailabilityBlock,
  Business,
  DailyAvailability,
  Patient,
  PatientAttachment,
  PatientCase,
  Practitioner,
  Stored,
  UnavailableBlockType,
  User,
} from './records.ts';
import { renderAttachment, renderCase } from './render-documents.ts';
import { renderPatient } from './render-patient.ts';
import {
  renderAppointmentType,
  renderAvailabilityBlock,
  renderBlockType,
  renderBusiness,
  renderDailyAvailability,
  renderPractitioner,
  renderUser,
} from './render-practice.ts';
import { field, idField, type Resource, storedFields, timeField } from './resources.ts';

const patients: Resource<Patient> = {
  name: 'patients',
  rows: (world) => world.tables.patients.rows,
  get: (world, id) => world.tables.patients.get(id),
  hides: ['archived_at'],
  gone: (patient) => patient.deletedAt !== null,
  fields: () => ({
    ...storedFields<Patient>(),
    accepted_privacy_policy: field('boolean', (one) => (one.extra?.accepted_privacy_policy as boolean) ?? null),
    archived_at: timeField((one) => one.archivedAt),
    date_of_birth: field('date', (one) => one.dateOfBirth),
    email: field('string', (one) => one.email),
    first_name: field('string', (one) => one.firstName),
    last_name: field('string', (one) => one.lastName),
    old_reference_id: field('string', (one) => (one.extra?.old_reference_id as string) ?? null),
    preferred_first_name: field('string', (one) => (one.extra?.preferred_first_name as string) ?? null),
  }),
  render: renderPatient,
};

const practitioners: Resource<Practitioner> = {
  name: 'practitioners',
  rows: (world) => world.tables.practitioners.rows,
  get: (world, id) => world.tables.practitioners.get(id),
  hides: [],
  fields: () => ({
    ...storedFields<Practitioner>(),
    active: field('boolean', (one) => one.active),
    show_in_online_bookings: field('boolean', (one) => one.showOnline),
    user_id: idField((one) => one.userId),
  }),
  render: renderPractitioner,
};

const businesses: Resource<Business> = {
  name: 'businesses',
  rows: (world) => world.tables.businesses.rows,
  get: (world, id) => world.tables.businesses.get(id),
  hides: ['archived_at', 'deleted_at'],
  fields: () => ({
    ...storedFields<Business>(),
    appointment_type_ids: field('array', (one) => one.typeIds),
    archived_at: timeField((one) => one.archivedAt),
    deleted_at: timeField((one) => one.deletedAt),
    show_in_online_bookings: field('boolean', (one) => one.showOnline),
  }),
  render: renderBusiness,
};

const appointmentTypes: Resource<AppointmentType> = {
  name: 'appointment_types',
  rows: (world) => world.tables.appointmentTypes.rows,
  get: (world, id) => world.tables.appointmentTypes.get(id),
  hides: ['archived_at'],
  fields: () => ({
    ...storedFields<AppointmentType>(),
    appointment_confirmation_template_ids: field('array', () => []),
    appointment_follow_up_template_ids: field('array', () => []),
    appointment_reminder_template_ids: field('array', () => []),
    archived_at: timeField((one) => one.archivedAt),
    category: field('string', (one) => one.category),
    online_payments_mode: field('string', () => null),
    show_in_online_bookings: field('boolean', (one) => one.showOnline),
  }),
  render: renderAppointmentType,
};

const blockTypes: Resource<UnavailableBlockType> = {
  name: 'unavailable_block_types',
  rows: (world) => world.tables.blockTypes.rows,
  get: (world, id) => world.tables.blockTypes.get(id),
  hides: ['archived_at'],
  fields: () => ({ ...storedFields<UnavailableBlockType>(), archived_at: timeField((one) => one.archivedAt) }),
  render: renderBlockType,
};

const attachments: Resource<PatientAttachment> = {
  name: 'patient_attachments',
  rows: (world) => world.tables.attachments.rows,
  get: (world, id) => world.tables.attachments.get(id),
  hides: ['archived_at'],
  fields: () => ({
    ...storedFields<PatientAttachment>(),
    archived_at: timeField((one) => one.archivedAt),
    content_type: field('string', (one) => one.contentType),
    description: field('string', (one) => one.description),
    filename: field('string', (one) => one.filename),
    patient_id: idField((one) => one.patientId),
    processed_at: timeField((one) => one.processedAt),
    size: field('number', (one) => (one.processedAt === null ? null : contentOf(one).length)),
    user_id: idField((one) => one.userId),
  }),
  render: renderAttachment,
};

const cases: Resource<PatientCase> = {
  name: 'patient_cases',
  rows: (world) => world.tables.cases.rows,
  get: (world, id) => world.tables.cases.get(id),
  hides: ['archived_at'],
  fields: () => ({
    ...storedFields<PatientCase>(),
    archived_at: timeField((one) => one.archivedAt),
    closed_at: timeField((one) => one.closedAt),
    expiry_date: field('date', (one) => one.expiryDate),
    issue_date: field('date', (one) => one.issueDate),
    name: field('string', (one) => one.name),
    patient_id: idField((one) => one.patientId),
    referral_type: field('string', () => null),
  }),
  render: renderCase,
};

const users: Resource<User> = {
  name: 'users',
  rows: (world) => world.tables.users.rows,
  get: (world, id) => world.tables.users.get(id),
  hides: [],
  fields: () => storedFields<User>(),
  render: renderUser,
};

const dailyAvailabilities: Resource<DailyAvailability> = {
  name: 'daily_availabilities',
  rows: (world) => world.tables.dailyAvailabilities.rows,
  get: (world, id) => world.tables.dailyAvailabilities.get(id),
  hides: [],
  fields: () => ({
    ...storedFields<DailyAvailability>(),
    business_id: idField((one) => one.businessId),
    practitioner_id: idField((one) => one.practitionerId),
  }),
  render: renderDailyAvailability,
};

const availabilityBlocks: Resource<AvailabilityBlock> = {
  name: 'availability_blocks',
  rows: (world) => world.tables.availabilityBlocks.rows,
  get: (world, id) => world.tables.availabilityBlocks.get(id),
  hides: [],
  fields: () => ({
    ...storedFields<AvailabilityBlock>(),
    business_id: idField((one) => one.businessId),
    practitioner_id: idField((one) => one.practitionerId),
    starts_at: timeField((one) => one.startsAt),
  }),
  render: renderAvailabilityBlock,
};

const ALL = [
  patients,
  individuals,
  groups,
  attendees,
  bookings,
  practitioners,
  businesses,
  appointmentTypes,
  blocks,
  blockTypes,
  attachments,
  cases,
  users,
  dailyAvailabilities,
  availabilityBlocks,
] as unknown as readonly Resource<Stored>[];

export const RESOURCES: ReadonlyMap<string, Resource> = new Map(ALL.map((resource) => [resource.name, resource]));
