/** A patient as the API shows it. */
import type { Patient } from './records.ts';
import type { View } from './resources.ts';
import { blank, filtered, isOdd, type Json, link, relate } from './shapes.ts';
import { utc, utcOrNull } from './time.ts';

export function renderPatient(patient: Patient, view: View): Json {
  const self = `${view.url}/patients/${patient.id}`;
  const none = blank(patient);
  const odd = isOdd(patient);
  const out: Json = {
    accepted_email_marketing: odd ? null : false,
    accepted_privacy_policy: odd ? true : null,
    accepted_sms_marketing: null,
    address_1: odd ? '1 Example Parade' : none,
    address_2: none,
    address_3: none,
    appointment_notes: none,
    appointments: link(`${self}/appointments`),
    archived_at: utcOrNull(patient.archivedAt),
    attendees: link(`${view.url}/${filtered('attendees', `patient_id:=${patient.id}`)}`),
    city: 'Sampleton',
    country: 'Australia',
    country_code: 'AU',
    created_at: utc(patient.createdAt),
    custom_fields: odd ? customFields(none ?? '') : {},
    date_of_birth: patient.dateOfBirth,
    deleted_at: utcOrNull(patient.deletedAt),
    dva_card_number: none,
    email: patient.email ?? none,
    emergency_contact: none,
    first_name: patient.firstName,
    gender: none,
    gender_identity: none,
    id: patient.id,
    invoice_default_to: none,
    invoice_email: none,
    invoice_extra_information: none,
    invoices: link(`${self}/invoices`),
    label: `${patient.firstName} ${patient.lastName}`,
    last_name: patient.lastName,
    links: { self },
    medical_alerts: link(`${self}/medical_alerts`),
    medicare: none,
    medicare_reference_number: none,
    merged_at: utcOrNull(patient.mergedAt),
    notes: none,
    occupation: none,
    old_reference_id: none,
    patient_attachments: link(`${self}/patient_attachments`),
    patient_phone_numbers: patient.phone === null ? [] : [phoneNumber(patient.phone, 'Mobile')],
    post_code: '2999',
    preferred_first_name: none,
    pronouns: null,
    receives_cancellation_emails: true,
    receives_confirmation_emails: odd,
    referral_source: none,
    relationships: link(`${view.url}/${filtered('relationships', `patient_id:=${patient.id}`)}`),
    reminder_type: odd ? 'SMS & Email' : 'None',
    sex: odd ? 'Female' : null,
    state: 'NSW',
    time_zone: odd ? view.world.timeZone : null,
    title: none,
    updated_at: utc(patient.updatedAt),
  };
  const winner = patient.mergedInto;
  relate(out, 'merged_with_patient', patient, view, winner === null ? null : `patients/${winner}`);
  relate(out, 'concession_type', patient, view, null);
  relate(out, 'latest_booking', patient, view, null);
  relate(out, 'referring_doctor', patient, view, null);
  return patient.extra ? { ...out, ...patient.extra } : out;
}

export function phoneNumber(number: string, type: string): Json {
  const digits = number.replace(/\D/g, '');
  return { normalized_number: digits.replace(/^0/, '61'), number, phone_type: type };
}

function customFields(value: string): Json {
  const field = { archived: false, name: 'Invented question', token: '00000000-0000-4000-8000-000000000002' };
  return {
    sections: [
      {
        name: 'Invented section',
        token: '00000000-0000-4000-8000-000000000001',
        archived: false,
        fields: [{ ...field, type: 'text', value }],
      },
    ],
  };
}
