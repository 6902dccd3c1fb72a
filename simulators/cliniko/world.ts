/** One account, and what people do with it. Every deed moves `updated_at`, except a silent removal. */
import type { AttachmentFields, BookingFields, Cancellation, PatientFields, WorldOptions } from './deeds.ts';
import { Ledger, NOT_CANCELLED } from './ledger.ts';
import type { Appointment, Attendee, Cancellable, GroupAppointment, Patient, PatientAttachment } from './records.ts';
import { repeatStarts } from './repeats.ts';
import { MINUTE, type Seconds, secondsOf } from './time.ts';

export function createWorld(options: WorldOptions = {}): World {
  const { seed = 1, patients = 50, appointments = 200, timeZone = 'Australia/Sydney' } = options;
  return new World({ seed, patients, appointments, timeZone, now: options.now ?? (() => new Date()) });
}

export class World extends Ledger {
  addPatient(fields: PatientFields = {}): Patient {
    return this.add(this.tables.patients, {
      archivedAt: null,
      deletedAt: null,
      mergedAt: null,
      mergedInto: null,
      firstName: fields.firstName ?? 'Newcomer',
      lastName: fields.lastName ?? 'Added-Sample',
      dateOfBirth: fields.dateOfBirth ?? null,
      email: fields.email ?? null,
      phone: fields.phone ?? null,
      extra: fields.extra ?? null,
    });
  }

  editPatient(id: string, fields: PatientFields): Patient {
    const patient = this.tables.patients.need(id);
    const { extra, ...own } = fields;
    Object.assign(patient, own);
    if (extra) patient.extra = { ...patient.extra, ...extra };
    return this.touch(patient);
  }

  archivePatient(id: string): void {
    this.archive(this.tables.patients.need(id));
  }

  unarchivePatient(id: string): Patient {
    const patient = this.tables.patients.need(id);
    patient.archivedAt = null;
    return this.touch(patient);
  }

  deletePatient(id: string): void {
    const patient = this.tables.patients.need(id);
    patient.deletedAt = this.now();
    this.touch(patient);
  }

  /** Whatever belonged to the loser belongs to the winner afterwards; the loser stays, archived. */
  mergePatients(loserId: string, winnerId: string): void {
    if (loserId === winnerId) throw new RangeError('A patient cannot be merged with itself.');
    const loser = this.tables.patients.need(loserId);
    const winner = this.tables.patients.need(winnerId);
    const { appointments, attendees, attachments, cases } = this.tables;
    for (const table of [appointments, attendees, attachments, cases]) {
      for (const row of table.rows) {
        if (row.patientId !== loserId) continue;
        row.patientId = winnerId;
        this.touch(row);
      }
    }
    loser.mergedAt = loser.archivedAt = this.now();
    loser.mergedInto = winnerId;
    this.touch(loser);
    this.touch(winner);
  }

  /** @returns the first of the series; the others have its identifier in `repeatedFrom` */
  book(patientId: string, fields: BookingFields): Appointment {
    const timed = this.#timed(fields);
    let first: Appointment | null = null;
    for (const startsAt of repeatStarts(timed.startsAt, timed.repeatRule)) {
      const attendeeId = this.attendeeId();
      const booking: Appointment = this.add(this.tables.appointments, {
        ...timed,
        ...NOT_CANCELLED,
        kind: 'individual',
        startsAt,
        endsAt: startsAt + (timed.endsAt - timed.startsAt),
        repeatedFrom: first ? first.id : null,
        patientId,
        caseId: null,
        attendeeId,
        didNotArrive: false,
        arrived: false,
      });
      this.joined(booking.id, patientId, attendeeId);
      first ??= booking;
    }
    return first!;
  }

  reschedule(id: string, startsAt: Date | Seconds, endsAt?: Date | Seconds): void {
    const booking = this.tables.appointments.get(id) ?? this.tables.groups.need(id);
    const length = booking.endsAt - booking.startsAt;
    booking.startsAt = seconds(startsAt);
    booking.endsAt = endsAt === undefined ? booking.startsAt + length : seconds(endsAt);
    this.touch(booking);
  }

  /** With `applyToRepeats` the later ones of the series are cancelled as well. */
  cancel(id: string, { reason = 50, note = null, applyToRepeats = false }: Cancellation = {}): void {
    const chosen = this.tables.appointments.need(id);
    const series = chosen.repeatedFrom ?? chosen.id;
    const concerned = applyToRepeats
      ? this.tables.appointments.rows.filter(
          (one) => (one.id === series || one.repeatedFrom === series) && one.startsAt >= chosen.startsAt,
        )
      : [chosen];
    for (const appointment of concerned) {
      if (appointment.cancelledAt !== null) continue;
      this.#cancel(appointment, reason, note);
      this.#cancel(this.tables.attendees.need(appointment.attendeeId), reason, note);
    }
  }

  editNoteOfCancelled(id: string, note: string | null): void {
    const appointment = this.tables.appointments.need(id);
    if (appointment.cancelledAt === null) throw new RangeError('That appointment is not cancelled.');
    appointment.cancellationNote = note;
    this.touch(appointment);
  }

  noShow(id: string): void {
    const appointment = this.tables.appointments.need(id);
    appointment.didNotArrive = true;
    this.#setArrived(appointment, false);
  }

  arrive(id: string): void {
    const appointment = this.tables.appointments.need(id);
    appointment.didNotArrive = false;
    this.#setArrived(appointment, true);
  }

  archiveAppointment(id: string): void {
    const booking = this.tables.appointments.get(id) ?? this.tables.groups.need(id);
    this.archive(booking);
    for (const attendee of this.attendeesOf(booking)) this.archive(attendee);
  }

  deleteAppointment(id: string): void {
    const booking = this.tables.appointments.get(id) ?? this.tables.groups.need(id);
    for (const record of [booking, ...this.attendeesOf(booking)]) {
      record.deletedAt = this.now();
      this.touch(record);
    }
  }

  bookGroup(fields: BookingFields & { readonly maxAttendees?: number }): GroupAppointment {
    const timed = this.#timed(fields, true);
    const maxAttendees = fields.maxAttendees ?? this.tables.appointmentTypes.need(timed.typeId).maxAttendees;
    let first: GroupAppointment | null = null;
    for (const startsAt of repeatStarts(timed.startsAt, timed.repeatRule)) {
      const booking: GroupAppointment = this.add(this.tables.groups, {
        ...timed,
        kind: 'group',
        startsAt,
        endsAt: startsAt + (timed.endsAt - timed.startsAt),
        repeatedFrom: first ? first.id : null,
        maxAttendees,
      });
      first ??= booking;
    }
    return first!;
  }

  addAttendee(groupId: string, patientId: string): Attendee {
    const group = this.tables.groups.need(groupId);
    return this.joined(group.id, patientId, this.attendeeId());
  }

  cancelAttendee(id: string, { reason = 50, note = null }: Cancellation = {}): void {
    this.#cancel(this.tables.attendees.need(id), reason, note);
  }

  arriveAttendee(id: string, arrived = true): void {
    const attendee = this.tables.attendees.need(id);
    attendee.arrived = arrived;
    this.touch(attendee);
  }

  attach(patientId: string, fields: AttachmentFields): PatientAttachment {
    const { filename, contentType = 'application/pdf', bytes = null, readsUntilProcessed = 0 } = fields;
    const processed = readsUntilProcessed === 0;
    return this.add(this.tables.attachments, {
      archivedAt: null,
      patientId,
      userId: fields.userId ?? null,
      description: fields.description ?? null,
      filename: processed ? filename : null,
      contentType: processed ? contentType : null,
      processedAt: processed ? this.now() : null,
      source: { filename, contentType, bytes },
      readsUntilProcessed,
    });
  }

  archiveAttachment(id: string): void {
    const attachment = this.tables.attachments.need(id);
    attachment.archivedAt = this.now();
    this.touch(attachment);
  }

  /** Other bytes under the same identifier, processed anew. */
  replaceAttachment(id: string, bytes: Buffer): void {
    const attachment = this.tables.attachments.need(id);
    attachment.source = { ...attachment.source, bytes };
    attachment.processedAt = this.now();
    this.touch(attachment);
  }

  /** Seen once more; after the last unprocessed reading it is processed. */
  readAttachment(attachment: PatientAttachment): void {
    if (attachment.processedAt !== null || attachment.readsUntilProcessed === null) return;
    if (attachment.readsUntilProcessed-- > 0) return;
    attachment.filename = attachment.source.filename;
    attachment.contentType = attachment.source.contentType;
    attachment.processedAt = this.now();
    this.touch(attachment);
  }

  #timed(fields: BookingFields, group = false) {
    const { practitioners, businesses, appointmentTypes } = this.tables;
    const types = appointmentTypes.rows;
    const typeId = fields.typeId ?? types.find(({ maxAttendees }) => (group ? maxAttendees > 1 : true))!.id;
    const startsAt = seconds(fields.startsAt);
    const length = appointmentTypes.need(typeId).durationMinutes * MINUTE;
    return {
      archivedAt: null,
      deletedAt: null,
      typeId,
      practitionerId: fields.practitionerId ?? practitioners.rows[0]!.id,
      businessId: fields.businessId ?? businesses.rows[0]!.id,
      startsAt,
      endsAt: fields.endsAt === undefined ? startsAt + length : seconds(fields.endsAt),
      repeatRule: fields.repeat ?? null,
      notes: fields.notes ?? null,
    };
  }

  #cancel(record: Cancellable, reason: number, note: string | null): void {
    record.cancelledAt = this.now();
    record.cancellationReason = reason;
    record.cancellationNote = note;
    this.touch(record);
  }

  #setArrived(appointment: Appointment, arrived: boolean): void {
    appointment.arrived = arrived;
    this.touch(appointment);
    this.arriveAttendee(appointment.attendeeId, arrived);
  }
}

function seconds(time: Date | Seconds): Seconds {
  return typeof time === 'number' ? time : secondsOf(time);
}
