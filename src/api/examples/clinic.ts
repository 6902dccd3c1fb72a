/** Examples: the connection to Cliniko, and what was copied from it. */
import { BEGUN, ENDED, type Examples, NOW, ORGANIZATION } from './practice.ts';

const CLINIKO = 'riverside-cliniko';
const SYNC = 'sync_org_riverside_20260303_090000_5e6f7a8b';
const PATIENT_ID = '3c9f01d2-7b64-8e15-a0c8-5d2e91f47b30';
const APPOINTMENT_ID = '91b7e4c5-02da-8f63-9e7a-c46d0185fb2e';

const patient = {
  id: PATIENT_ID,
  connection_id: CLINIKO,
  cliniko_patient_id: '1390726237298631770',
  name: 'Avery Sample',
  title: null,
  first_name: 'Avery',
  last_name: 'Sample',
  preferred_first_name: null,
  email: 'avery@example.invalid',
  phones: [{ type: 'Mobile', number: '61491570006' }],
  birth_date: '1980-01-31',
  sex: 'Female',
  gender_identity: null,
  address: { lines: ['1 Sample Street'], city: 'Sampleton', state: 'NSW', post_code: '2000', country_code: 'AU' },
  is_active: true,
  activity_status: 'upcoming_only',
  recent_appointment_count: 0,
  upcoming_appointment_count: 1,
  total_appointment_count: 4,
  first_appointment_date: '2025-11-04T01:00:00.000Z',
  last_appointment_date: '2026-01-13T01:00:00.000Z',
  next_appointment_time: '2026-03-10T01:00:00.000Z',
  next_appointment_type: 'Standard appointment',
  primary_appointment_type: 'Standard appointment',
  archived_at: null,
  deleted_at: null,
  merged_at: null,
  merged_into: null,
  last_synced_at: ENDED,
  updated_at: ENDED,
};

const appointment = {
  id: APPOINTMENT_ID,
  connection_id: CLINIKO,
  cliniko_appointment_id: '1390726237298640012',
  kind: 'individual',
  starts_at: '2026-03-10T01:00:00.000Z',
  ends_at: '2026-03-10T01:45:00.000Z',
  time_zone: 'Australia/Sydney',
  status: 'booked',
  type: 'Standard appointment',
  patients: [{ patient_id: PATIENT_ID, status: 'booked' }],
  practitioner_id: '6a0d4f8b-95c1-8273-b1e6-07f3ca28d94e',
  business_id: 'e28b5c17-4f09-8ad6-9c42-b7d10e65a3f8',
  cancelled_at: null,
  cancellation_reason: null,
  max_attendees: null,
  notes: null,
  deleted_at: null,
  last_synced_at: ENDED,
  updated_at: ENDED,
};

export const CLINIC_EXAMPLES: Examples = {
  clinikoSync: {
    answers: {
      200: {
        success: true,
        message: 'Comprehensive Cliniko sync started successfully',
        organization_id: ORGANIZATION,
        sync_mode: 'comprehensive',
        sync_id: SYNC,
        timestamp: BEGUN,
      },
    },
  },
  clinikoImportPatients: {
    answers: {
      200: {
        success: true,
        message: 'Patient import started successfully',
        organization_id: ORGANIZATION,
        import_id: SYNC,
        timestamp: BEGUN,
      },
    },
  },
  clinikoTestConnection: {
    answers: {
      200: {
        success: true,
        connection_status: 'healthy',
        api_region: 'au4',
        response_time_ms: 245,
        test_timestamp: NOW,
      },
    },
  },
  clinikoStatus: {
    answers: {
      200: {
        organization_id: ORGANIZATION,
        connection_id: CLINIKO,
        cliniko_connected: true,
        api_region: 'au4',
        last_sync: ENDED,
        total_patients: 650,
        active_patients: 214,
        total_appointments: 2961,
        synced_patients: 650,
        sync_percentage: 100,
        last_sync_time: ENDED,
        status: 'connected',
        sync_enabled: true,
        credentials_valid: true,
        sync_status: 'healthy',
        status_reason: null,
        timestamp: NOW,
      },
    },
  },
  clinikoPatientStats: {
    answers: {
      200: {
        organization_id: ORGANIZATION,
        total_patients: 650,
        total_active_patients: 214,
        patients_with_upcoming: 160,
        patients_with_recent: 121,
        avg_recent_appointments: 0.93,
        avg_upcoming_appointments: 1.4,
        avg_total_appointments: 6.21,
        filters: { with_appointments_only: false, include_details: false },
        timestamp: NOW,
      },
    },
  },
  patients: { answers: { 200: { patients: [patient], next: null } } },
  searchPatients: { body: { name: 'Sam' }, answers: { 200: { patients: [patient], next: null } } },
  patient: { answers: { 200: patient } },
  patientMerges: {
    answers: {
      200: {
        survivor: { id: PATIENT_ID, cliniko_patient_id: '1390726237298631770' },
        merged: [
          {
            id: '0f5b2c81-6a3e-8d47-b9c0-71e4d8a2f653',
            cliniko_patient_id: '1390726237298630114',
            merged_at: '2026-01-20T03:15:00.000Z',
            merged_into: { id: PATIENT_ID, cliniko_patient_id: '1390726237298631770' },
          },
        ],
      },
    },
  },
  appointments: { answers: { 200: { appointments: [appointment], next: 'WyIyMDI2LTAzLTEwIl0' } } },
  appointment: { answers: { 200: appointment } },
};
