/** Everything that is answered without changing the account, except lists. */
import { type Answer, Refusal } from './answer.ts';
import { availableTimes, nextAvailableTime } from './availability.ts';
import type { Call } from './call.ts';
import { hasConflict } from './conflicts.ts';
import { contentOf } from './document-content.ts';
import type { Booking, PatientAttachment, Stored } from './records.ts';
import { renderUser } from './render-practice.ts';
import type { Resource } from './resources.ts';
import { publicSettings, settings } from './settings.ts';

export function readOne(call: Call, resource: Resource, id: string): Answer {
  const record = call.account.lists.one(resource, id, call.query);
  if (!record) throw new Refusal(404, 'Not found');
  if (resource.name === 'patient_attachments') call.view.world.readAttachment(record as PatientAttachment);
  return { status: 200, json: resource.render(record, call.view) };
}

/** `GET /{resource}/{id}/{word}` */
export function readBelow(call: Call, resource: Resource, id: string, word: string): Answer {
  const record = resource.get(call.view.world, id);
  if (!record || resource.gone?.(record)) throw new Refusal(404, 'Not found');
  switch (`${resource.name}/${word}`) {
    case 'individual_appointments/conflicts':
    case 'group_appointments/conflicts':
    case 'unavailable_blocks/conflicts':
      return { status: 200, json: { conflicts: { exist: hasConflict(record as Booking, call.view.world) } } };
    case 'patients/attachment_presigned_post': {
      const prefix = `${call.account.id}/patients/${id}/attachments/temp`;
      return { status: 200, json: call.files.presignedPost(prefix) };
    }
    case 'patient_attachments/content':
      return content(call, record);
    default:
      throw new Refusal(404, 'Not found');
  }
}

function content(call: Call, record: Stored): Answer {
  const attachment = record as PatientAttachment;
  if (attachment.processedAt === null) throw new Refusal(404, 'Not found');
  const { filename: name, contentType: type } = attachment.source;
  const path = `${call.account.id}/patients/${attachment.patientId}/attachments/${attachment.id}`;
  const link = call.files.link(path, { name, type, bytes: () => contentOf(attachment) });
  const elsewhere = call.view.faults.attachments.download === 'redirect-elsewhere';
  const location = elsewhere ? `${call.view.faults.foreignOrigin}/${path}` : link;
  return { status: 303, text: '', headers: { Location: location } };
}

/** Paths that belong to no list. */
export function readOther(call: Call): Answer {
  const { world } = call.view;
  const path = call.segments.join('/');
  if (path === 'user') return { status: 200, json: renderUser(world.tables.users.need(call.userId), call.view) };
  if (path === 'settings/public') return { status: 200, json: publicSettings(call.account) };
  if (path === 'settings') {
    if (world.tables.users.need(call.userId).role !== 'administrator') throw new Refusal(403, 'Forbidden');
    return { status: 200, json: settings(call.account) };
  }
  const times = /^businesses\/(\d+)\/practitioners\/(\d+)\/appointment_types\/(\d+)\/(\w+)$/.exec(path);
  if (times) {
    const [, businessId = '', practitionerId = '', typeId = '', word] = times;
    const place = { businessId, practitionerId, typeId };
    if (word === 'available_times') return availableTimes(call, place);
    if (word === 'next_available_time') return nextAvailableTime(call, place);
  }
  throw new Refusal(404, 'Not found');
}
