/** Patients, written through the API. */
import { type Answer, invalid } from './answer.ts';
import type { Call } from './call.ts';
import type { PatientFields } from './deeds.ts';
import type { Patient } from './records.ts';
import { phoneNumber, renderPatient } from './render-patient.ts';

const WRITABLE = [
  'accepted_email_marketing',
  'accepted_privacy_policy',
  'address_1',
  'address_2',
  'address_3',
  'appointment_notes',
  'city',
  'country',
  'country_code',
  'custom_fields',
  'dva_card_number',
  'emergency_contact',
  'gender_identity',
  'invoice_default_to',
  'invoice_email',
  'invoice_extra_information',
  'medicare_reference_number',
  'medicare',
  'notes',
  'occupation',
  'old_reference_id',
  'post_code',
  'preferred_first_name',
  'pronouns',
  'receives_cancellation_emails',
  'receives_confirmation_emails',
  'referral_source',
  'reminder_type',
  'sex',
  'state',
  'time_zone',
  'title',
];

type Body = Call['body'];

export function createPatient(call: Call): Answer {
  const errors = mistakes({ first_name: '', last_name: '', ...call.body });
  if (errors) return invalid(errors);
  const patient = call.view.world.addPatient(fieldsOf(call.body));
  const json = renderPatient(patient, call.view);
  return { status: 201, json, headers: { Location: `${call.view.url}/patients/${patient.id}` } };
}

export function updatePatient(call: Call, patient: Patient): Answer {
  const errors = mistakes(call.body);
  if (errors) return invalid(errors);
  call.view.world.editPatient(patient.id, fieldsOf(call.body));
  return { status: 200, json: renderPatient(patient, call.view) };
}

function mistakes(body: Body): Record<string, string> | null {
  const errors: Record<string, string> = {};
  for (const name of ['first_name', 'last_name']) {
    if (!(name in body)) continue;
    const value = body[name];
    if (typeof value !== 'string' || value.trim() === '') errors[name] = "can't be blank";
    else if (value.length > 255) errors[name] = 'is too long (maximum is 255 characters)';
  }
  const born = body.date_of_birth;
  if (typeof born === 'string' && born !== '' && !/^\d{4}-\d\d-\d\d$/.test(born)) errors.date_of_birth = 'is invalid';
  return Object.keys(errors).length > 0 ? errors : null;
}

function fieldsOf(body: Body): PatientFields {
  const fields: PatientFields = {};
  if (typeof body.first_name === 'string') fields.firstName = body.first_name;
  if (typeof body.last_name === 'string') fields.lastName = body.last_name;
  if ('date_of_birth' in body) fields.dateOfBirth = (body.date_of_birth as string) || null;
  if ('email' in body) fields.email = (body.email as string) || null;
  const extra: Record<string, unknown> = {};
  for (const name of WRITABLE) if (name in body) extra[name] = body[name];
  if ('unsubscribe_sms_marketing' in body) extra.accepted_sms_marketing = !body.unsubscribe_sms_marketing;
  const numbers = body.patient_phone_numbers;
  if (Array.isArray(numbers)) {
    const shown = numbers.map((one: Body) => phoneNumber(String(one.number), String(one.phone_type ?? 'Mobile')));
    extra.patient_phone_numbers = shown;
    fields.phone = (shown[0]?.number as string) ?? null;
  }
  fields.extra = extra;
  return fields;
}
