/** The settings of an account as the API shows them. */
import type { Account } from './accounts.ts';
import type { Json } from './shapes.ts';

export function publicSettings({ id, name, world }: Account): Json {
  return {
    account: {
      country: 'Australia',
      country_code: 'AU',
      currency_symbol: '$',
      has_time_travelers: false,
      id,
      name,
      subdomain: 'sample-practice',
      time_zone_support: true,
    },
    calendar: {
      end_hour: 19,
      multiple_appointments_gap: false,
      show_current_time_indicator: true,
      start_hour: 7,
      timeslot_height_in_pixels: 20,
      timeslot_size_in_minutes: 15,
    },
    documents_and_printing: { logo_height: 100, logo_url: null },
    integrations: { mail_chimp: { enabled: false }, xero: { enabled: false } },
    online_bookings: {
      allow_bookings_days_in_advance: 60,
      allow_online_bookings_time_zone_choice: false,
      booking_reservation_minutes: 10,
      calendar_info: null,
      daily_bookings_limit: 5,
      disabled_text: null,
      disabled_title: null,
      enabled: true,
      logo_url: null,
      max_appointments_per_day_segment: 10,
      min_hours_advance_required_to_book: 2,
      min_hours_notice_for_patient_cancellation: 24,
      notice_enabled: false,
      notice_text: null,
      notice_title: null,
      notify_practitioner_by_email: true,
      notify_practitioner_by_sms: false,
      policy: null,
      practitioner_order: world.tables.practitioners.rows.map((one) => one.id),
      privacy_policy_url: null,
      require_patient_address: false,
      show_appointment_duration: true,
      show_prices: false,
    },
    online_payments: { activated: false },
    patient_custom_fields_definition: { sections: [] },
    patient_privacy: {
      browser_title_name_format: 'full_name',
      ical_patient_name_option: 'initials',
      prevent_sending_financial_data_by_email: false,
      requires_hipaa_compliance: false,
    },
    reminders: { default_reminder_type: 'SMS & Email' },
    sms: {
      alphanumeric_source_number_required: false,
      default_alphanumeric_source_number: 'SAMPLE',
      max_message_length: null,
      number_of_usable_characters_per_message: 160,
      replies_supported: true,
    },
    terminology: { patient: 'patient', titles: ['Mr', 'Ms', 'Mx', 'Dr'] },
    wait_list: { default_wait_list_expiry_period: 30 },
  };
}

export function settings(account: Account): Json {
  const shown = publicSettings(account) as Record<string, Json>;
  return {
    ...shown,
    account: {
      ...shown.account,
      compliance: { has_hipaa_compliance_conflicts: false, 'hipaa_compliance-conflict_messages': [] },
      email_from: 'practice@example.invalid',
      first_name: 'Staff1',
      last_name: 'Owner-Sample',
    },
    integrations: { ...shown.integrations, medipass: { enabled: false } },
    online_bookings: {
      ...shown.online_bookings,
      adroll: { advertiser_id: null, pixel_id: null },
      google_analytics: { tracking_id: null },
      google_tag_manager: { container_id: null },
    },
    patient_privacy: {
      ...shown.patient_privacy,
      anonymise_appointments_on_deletion: false,
      anonymise_booking_notifications: false,
      anonymise_invoices_and_payments_on_deletion: false,
      baa_requested: false,
    },
  };
}
