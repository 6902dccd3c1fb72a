/** Requests that change the account. */
import { type Answer, invalid, Refusal } from './answer.ts';
import type { Call } from './call.ts';
import type { Appointment, Archivable, Attendee, GroupAppointment, Patient, PatientAttachment } from './records.ts';
import { renderAttachment, renderCase } from './render-documents.ts';
import { renderBlockType } from './render-practice.ts';
import type { Resource } from './resources.ts';
import {
  cancel,
  createAppointment,
  createAttendee,
  createBlock,
  createGroup,
  updateAppointment,
  updateAttendee,
  updateGroup,
} from './write-bookings.ts';
import { createPatient, updatePatient } from './write-patients.ts';

export function create(call: Call, resource: Resource): Answer {
  switch (resource.name) {
    case 'patients':
      return createPatient(call);
    case 'individual_appointments':
      return createAppointment(call);
    case 'group_appointments':
      return createGroup(call);
    case 'attendees':
      return createAttendee(call);
    case 'unavailable_blocks':
      return createBlock(call);
    case 'patient_attachments':
      return createAttachment(call);
    case 'unavailable_block_types':
      return createBlockType(call);
    case 'patient_cases':
      return createCase(call);
    default:
      throw new Refusal(404, 'Not found');
  }
}

export function update(call: Call, resource: Resource, id: string): Answer {
  const record = need(call, resource, id);
  switch (resource.name) {
    case 'patients':
      return updatePatient(call, record as Patient);
    case 'individual_appointments':
      return updateAppointment(call, record as Appointment);
    case 'group_appointments':
      return updateGroup(call, record as GroupAppointment);
    case 'attendees':
      return updateAttendee(call, record as Attendee);
    case 'patient_attachments': {
      const attachment = record as PatientAttachment;
      if ('description' in call.body) attachment.description = call.body.description as string | null;
      call.view.world.touch(attachment);
      return { status: 200, json: renderAttachment(attachment, call.view) };
    }
    default:
      throw new Refusal(404, 'Not found');
  }
}

const ARCHIVABLE = [
  'patients',
  'individual_appointments',
  'group_appointments',
  'attendees',
  'businesses',
  'appointment_types',
  'patient_attachments',
  'unavailable_blocks',
  'unavailable_block_types',
  'patient_cases',
];

/** `DELETE` means this as well. */
export function archive(call: Call, resource: Resource, id: string): Answer {
  if (!ARCHIVABLE.includes(resource.name)) throw new Refusal(404, 'Not found');
  const record = need(call, resource, id);
  const { world } = call.view;
  if (resource.name === 'individual_appointments' || resource.name === 'group_appointments')
    world.archiveAppointment(id);
  else world.archive(record as Archivable);
  return { status: 204 };
}

/** `POST` or `PATCH` of `/{resource}/{id}/{deed}` */
export function perform(call: Call, resource: Resource, id: string, deed: string): Answer {
  const { method } = call;
  if (method === 'POST' && deed === 'archive') return archive(call, resource, id);
  if (method === 'POST' && deed === 'unarchive' && (resource.name === 'patients' || resource.name === 'businesses')) {
    const record = need(call, resource, id) as Archivable;
    record.archivedAt = null;
    call.view.world.touch(record);
    return { status: 200, json: resource.render(record, call.view) };
  }
  const cancels = resource.name === 'individual_appointments' || resource.name === 'attendees';
  if (method === 'PATCH' && deed === 'cancel' && cancels) {
    return cancel(call, need(call, resource, id) as Appointment | Attendee);
  }
  throw new Refusal(404, 'Not found');
}

function need(call: Call, resource: Resource, id: string) {
  const record = resource.get(call.view.world, id);
  if (!record || resource.gone?.(record) || isDeleted(record)) throw new Refusal(404, 'Not found');
  return record;
}

function isDeleted(record: object): boolean {
  return 'deletedAt' in record && record.deletedAt !== null;
}

function createAttachment(call: Call): Answer {
  const { world, faults, url } = call.view;
  const patientId = String(call.body.patient_id ?? '');
  if (!world.tables.patients.get(patientId)) return invalid({ patient: 'must exist' });
  const description = (call.body.description as string | undefined) ?? null;
  if (description !== null && description.length > 255) {
    return invalid({ description: 'is too long (maximum is 255 characters)' });
  }
  const upload = call.files.takeUpload(String(call.body.upload_url ?? ''));
  if (!upload) return invalid({ temp_attachment_url: 'is invalid' });
  const filename = String(call.body.filename ?? upload.name);
  const attachment = world.attach(patientId, {
    filename,
    contentType: contentType(filename),
    description,
    bytes: upload.bytes,
    userId: call.userId,
    readsUntilProcessed: faults.attachments.readsUntilProcessed,
  });
  const base = faults.locationWithoutVersion ? url.replace(/\/v1$/, '') : url;
  const headers = { Location: `${base}/patient_attachments/${attachment.id}` };
  return { status: 201, json: renderAttachment(attachment, call.view), headers };
}

const TYPES: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  txt: 'text/plain',
};

function contentType(filename: string): string {
  return TYPES[filename.split('.').at(-1)!.toLowerCase()] ?? 'invalid/invalid';
}

function createBlockType(call: Call): Answer {
  const name = call.body.name;
  if (typeof name !== 'string' || name === '') return invalid({ name: "can't be blank" });
  const type = call.view.world.add(call.view.world.tables.blockTypes, {
    archivedAt: null,
    name,
    color: String(call.body.color ?? '#cccccc'),
    durationMinutes: Number(call.body.duration_in_minutes ?? 60),
  });
  const headers = { Location: `${call.view.url}/unavailable_block_types/${type.id}` };
  return { status: 201, json: renderBlockType(type, call.view), headers };
}

function createCase(call: Call): Answer {
  const { world, url } = call.view;
  const { body } = call;
  const patientId = String(body.patient_id ?? '');
  if (!world.tables.patients.get(patientId)) return invalid({ patient: 'must exist' });
  if (typeof body.name !== 'string' || body.name === '') return invalid({ name: "can't be blank" });
  const one = world.add(world.tables.cases, {
    archivedAt: null,
    patientId,
    name: body.name,
    notes: (body.notes as string | undefined) ?? null,
    issueDate: (body.issue_date as string | undefined) ?? null,
    expiryDate: (body.expiry_date as string | undefined) ?? null,
    closedAt: body.closed === true ? world.now() : null,
    maxSessions: (body.max_sessions as number | undefined) ?? null,
  });
  return { status: 201, json: renderCase(one, call.view), headers: { Location: `${url}/patient_cases/${one.id}` } };
}
