/** The lists of Cliniko's API that we read, and which of their hidden records can be asked for. */
import type { RecordStream } from '../../domain/clinic.ts';

/** Filters that make hidden records appear. */
export type HiddenBy = 'archived_at' | 'cancelled_at' | 'deleted_at';

export interface Resource {
  /** Below the base URL. Several lists together are the whole. */
  readonly paths: readonly string[];
  readonly key: string;
  readonly hidden: readonly HiddenBy[];
  /** What they say takes place at a time. Archived, cancelled or deleted, it does not: what cannot be seen any more is over. */
  readonly takesPlace?: true;
}

export const RESOURCES: Readonly<Record<RecordStream, Resource>> = {
  businesses: { paths: ['businesses'], key: 'businesses', hidden: ['archived_at', 'deleted_at'] },
  // The plain list may hold only those who work there now.
  practitioners: { paths: ['practitioners', 'practitioners/inactive'], key: 'practitioners', hidden: [] },
  appointment_types: { paths: ['appointment_types'], key: 'appointment_types', hidden: ['archived_at'] },
  patients: { paths: ['patients'], key: 'patients', hidden: ['archived_at'] },
  individual_appointments: {
    paths: ['individual_appointments'],
    key: 'individual_appointments',
    hidden: ['archived_at', 'cancelled_at', 'deleted_at'],
    takesPlace: true,
  },
  group_appointments: {
    paths: ['group_appointments'],
    key: 'group_appointments',
    hidden: ['archived_at', 'deleted_at'],
    takesPlace: true,
  },
  attendees: {
    paths: ['attendees'],
    key: 'attendees',
    hidden: ['archived_at', 'cancelled_at', 'deleted_at'],
    takesPlace: true,
  },
  unavailable_blocks: {
    paths: ['unavailable_blocks'],
    key: 'unavailable_blocks',
    hidden: ['archived_at', 'deleted_at'],
    takesPlace: true,
  },
  patient_attachments: { paths: ['patient_attachments'], key: 'patient_attachments', hidden: ['archived_at'] },
};
