/** Attachments and cases of patients as the API shows them. */
import { contentOf } from './document-content.ts';
import type { PatientAttachment, PatientCase } from './records.ts';
import type { View } from './resources.ts';
import { type Json, link, relate } from './shapes.ts';
import { utc, utcOrNull } from './time.ts';

export function renderAttachment(attachment: PatientAttachment, view: View): Json {
  const self = `${view.url}/patient_attachments/${attachment.id}`;
  const processed = attachment.processedAt !== null;
  const out: Json = {
    archived_at: utcOrNull(attachment.archivedAt),
    content: link(view.faults.attachments.contentLinkWithoutPath ? self : `${self}/content`),
    content_type: attachment.contentType,
    created_at: utc(attachment.createdAt),
    description: attachment.description,
    filename: attachment.filename,
    id: attachment.id,
    links: { self },
    patient: link(`${view.url}/patients/${attachment.patientId}`),
    pinned_at: null,
    processed_at: utcOrNull(attachment.processedAt),
    processing_completed: processed,
    size: processed ? contentOf(attachment).length : null,
    updated_at: utc(attachment.updatedAt),
  };
  relate(out, 'user', attachment, view, attachment.userId === null ? null : `users/${attachment.userId}`);
  return out;
}

export function renderCase(one: PatientCase, view: View): Json {
  const self = `${view.url}/patient_cases/${one.id}`;
  const out: Json = {
    archived_at: utcOrNull(one.archivedAt),
    attendee_ids: [],
    attendees: link(`${self}/attendees`),
    bookings: link(`${self}/bookings`),
    closed: one.closedAt !== null,
    closed_at: utcOrNull(one.closedAt),
    created_at: utc(one.createdAt),
    expiry_date: one.expiryDate,
    id: one.id,
    include_cancelled_attendees: false,
    include_dna_attendees: false,
    invoices: link(`${self}/invoices`),
    issue_date: one.issueDate,
    links: { self },
    max_invoiceable_amount: null,
    max_sessions: one.maxSessions,
    name: one.name,
    notes: one.notes,
    patient: link(`${view.url}/patients/${one.patientId}`),
    patient_attachments: link(`${self}/patient_attachments`),
    referral: false,
    referral_type: null,
    updated_at: utc(one.updatedAt),
  };
  relate(out, 'contact', one, view, null);
  return out;
}
