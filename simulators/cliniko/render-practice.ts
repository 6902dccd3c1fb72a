/** Staff, places and what can be booked, as the API shows them. */
import type {
  AppointmentType,
  AvailabilityBlock,
  Business,
  DailyAvailability,
  Practitioner,
  UnavailableBlockType,
  User,
} from './records.ts';
import { phoneNumber } from './render-patient.ts';
import type { View } from './resources.ts';
import { blank, filtered, isOdd, type Json, link, relate } from './shapes.ts';
import { utc, utcOrNull } from './time.ts';

export function renderPractitioner(practitioner: Practitioner, view: View): Json {
  const self = `${view.url}/practitioners/${practitioner.id}`;
  const label = `${practitioner.firstName} ${practitioner.lastName}`;
  const out: Json = {
    active: practitioner.active,
    appointment_types: link(`${self}/appointment_types`),
    appointments: link(`${self}/appointments`),
    created_at: utc(practitioner.createdAt),
    description: blank(practitioner),
    designation: practitioner.designation,
    display_name: label,
    first_name: practitioner.firstName,
    id: practitioner.id,
    invoices: link(`${self}/invoices`),
    label,
    last_name: practitioner.lastName,
    links: { self },
    practitioner_reference_numbers: link(`${self}/practitioner_reference_numbers`),
    show_in_online_bookings: practitioner.showOnline,
    title: blank(practitioner),
    updated_at: utc(practitioner.updatedAt),
    user: link(`${view.url}/users/${practitioner.userId}`),
  };
  relate(out, 'default_appointment_type', practitioner, view, null);
  return out;
}

export function renderUser(user: User, view: View): Json {
  return {
    active: user.active,
    created_at: utc(user.createdAt),
    email: user.email,
    first_name: user.firstName,
    id: user.id,
    last_name: user.lastName,
    links: { self: `${view.url}/users/${user.id}` },
    phone_numbers: isOdd(user) ? [phoneNumber('(02) 5550 1000', 'Work')] : [],
    role: user.role,
    time_zone: view.world.timeZone.split('/').at(-1),
    time_zone_identifier: view.world.timeZone,
    title: blank(user),
    updated_at: utc(user.updatedAt),
    user_active: user.active,
  };
}

export function renderBusiness(business: Business, view: View): Json {
  const self = `${view.url}/businesses/${business.id}`;
  const none = blank(business);
  return {
    additional_information: none,
    additional_invoice_information: none,
    address_1: '1 Example Parade',
    address_2: none,
    appointment_reminders_enabled: true,
    appointment_type_ids: business.typeIds,
    appointments: link(`${self}/appointments`),
    archived_at: utcOrNull(business.archivedAt),
    business_name: business.name,
    business_registration_name: 'ABN',
    business_registration_value: none,
    city: 'Sampleton',
    contact_information: none,
    country: 'Australia',
    country_code: 'AU',
    created_at: utc(business.createdAt),
    deleted_at: utcOrNull(business.deletedAt),
    display_name: business.name,
    email_reply_to: none,
    id: business.id,
    label: business.name,
    links: { self },
    post_code: '2999',
    practitioners: link(`${self}/practitioners`),
    show_in_online_bookings: business.showOnline,
    state: 'NSW',
    time_zone: business.timeZoneLabel,
    time_zone_identifier: business.timeZone,
    updated_at: utc(business.updatedAt),
    website_address: none,
  };
}

export function renderAppointmentType(type: AppointmentType, view: View): Json {
  const of = `appointment_type_id:=${type.id}`;
  const out: Json = {
    add_deposit_to_account_credit: false,
    appointment_confirmation_template_ids: [],
    appointment_follow_up_template_ids: [],
    appointment_reminder_template_ids: [],
    appointment_type_billable_items: link(`${view.url}/${filtered('appointment_type_billable_items', of)}`),
    appointment_type_products: link(`${view.url}/${filtered('appointment_type_products', of)}`),
    archived_at: utcOrNull(type.archivedAt),
    category: type.category ?? blank(type),
    color: type.color,
    created_at: utc(type.createdAt),
    deposit_price: null,
    description: blank(type),
    duration_in_minutes: type.durationMinutes,
    id: type.id,
    links: { self: `${view.url}/appointment_types/${type.id}` },
    max_attendees: type.maxAttendees,
    name: type.name,
    online_bookings_lead_time_hours: null,
    online_payments_enabled: false,
    online_payments_mode: null,
    practitioners: link(`${view.url}/appointment_types/${type.id}/practitioners`),
    show_in_online_bookings: type.showOnline,
    telehealth_enabled: type.category === 'Online',
    updated_at: utc(type.updatedAt),
  };
  for (const key of ['billable_item', 'product', 'treatment_note_template']) relate(out, key, type, view, null);
  return out;
}

export function renderBlockType(type: UnavailableBlockType, view: View): Json {
  return {
    archived_at: utcOrNull(type.archivedAt),
    color: type.color,
    created_at: utc(type.createdAt),
    duration_in_minutes: type.durationMinutes,
    id: type.id,
    links: { self: `${view.url}/unavailable_block_types/${type.id}` },
    name: type.name,
    system_controlled: false,
    updated_at: utc(type.updatedAt),
  };
}

export function renderAvailabilityBlock(block: AvailabilityBlock, view: View): Json {
  return {
    business: link(`${view.url}/businesses/${block.businessId}`),
    created_at: utc(block.createdAt),
    ends_at: utc(block.endsAt),
    id: block.id,
    links: { self: `${view.url}/availability_blocks/${block.id}` },
    practitioner: link(`${view.url}/practitioners/${block.practitionerId}`),
    repeat_rule: {},
    starts_at: utc(block.startsAt),
    updated_at: utc(block.updatedAt),
  };
}

export function renderDailyAvailability(day: DailyAvailability, view: View): Json {
  const business = view.world.tables.businesses.get(day.businessId);
  return {
    availabilities: [{ ends_at: day.endsAt, starts_at: day.startsAt }],
    business: link(`${view.url}/businesses/${day.businessId}`),
    created_at: utc(day.createdAt),
    day_of_week: day.dayOfWeek,
    id: day.id,
    links: { self: `${view.url}/daily_availabilities/${day.id}` },
    practitioner: link(`${view.url}/practitioners/${day.practitionerId}`),
    time_zone: business?.timeZoneLabel ?? null,
    time_zone_identifier: business?.timeZone ?? null,
    updated_at: utc(day.updatedAt),
  };
}
