/** One account: its records, and what people do with them. Every deed moves `updated_at`, except a silent removal. */
import { populate } from './populate.ts';
import { createRandom } from './random.ts';
import type {
  Appointment,
  Archivable,
  Attendee,
  Cancellable,
  GroupAppointment,
  Patient,
  PatientAttachment,
  RepeatRule,
  Stored,
} from './records.ts';
import { repeatStarts } from './repeats.ts';
import { createTables, IdMaker, type Table, type Tables } from './tables.ts';
import { MINUTE, type Seconds, secondsOf } from './time.ts';

export interface WorldOptions {
  readonly seed?: number | string;
  readonly patients?: number;
  readonly appointments?: number;
  readonly now?: () => Date;
  /** IANA */
  readonly timeZone?: string;
}

export type PatientFields = Partial<
  Pick<Patient, 'firstName' | 'lastName' | 'dateOfBirth' | 'email' | 'phone'> & { extra: Record<string, unknown> }
>;

export interface BookingFields {
  readonly typeId?: string;
  readonly practitionerId?: string;
  readonly businessId?: string;
  readonly startsAt: Date | Seconds;
  readonly endsAt?: Date | Seconds;
  readonly notes?: string | null;
  readonly repeat?: RepeatRule;
}

export interface Cancellation {
  readonly reason?: number;
  readonly note?: string | null;
  readonly applyToRepeats?: boolean;
}

export interface AttachmentFields {
  readonly filename: string;
  readonly contentType?: string;
  readonly description?: string | null;
  readonly bytes?: Buffer;
  readonly userId?: string | null;
  /** Reads that still see it unprocessed; null: for ever. */
  readonly readsUntilProcessed?: number | null;
}

export function createWorld(options: WorldOptions = {}): World {
  const { seed = 1, patients = 50, appointments = 200, timeZone = 'Australia/Sydney' } = options;
  return new World({ seed, patients, appointments, timeZone, now: options.now ?? (() => new Date()) });
}

export class World {
  readonly tables: Tables = createTables();
  readonly timeZone: string;
  /** Grows with every change. */
  version = 0;
  readonly #ids: IdMaker;
  readonly #now: () => Date;
  readonly #groupAttendees = new Map<string, Attendee[]>();

  constructor(options: Required<WorldOptions>) {
    const random = createRandom(options.seed);
    this.#ids = new IdMaker(random.fork('ids'));
    this.#now = options.now;
    this.timeZone = options.timeZone;
    populate(this.tables, this.#ids, { ...options, random, now: this.now() });
    for (const attendee of this.tables.attendees.rows) this.#index(attendee);
  }

  now(): Seconds {
    return secondsOf(this.#now());
  }

  addPatient(fields: PatientFields = {}): Patient {
    return this.#add(this.tables.patients, {
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
      const createdAt = this.now();
      const attendeeId = this.#ids.next(this.tables.attendees, createdAt);
      const booking: Appointment = this.#add(this.tables.appointments, {
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
      this.#addAttendee(booking.id, patientId, attendeeId);
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
    for (const attendee of this.#attendeesOf(booking)) this.archive(attendee);
  }

  deleteAppointment(id: string): void {
    const booking = this.tables.appointments.get(id) ?? this.tables.groups.need(id);
    for (const record of [booking, ...this.#attendeesOf(booking)]) {
      record.deletedAt = this.now();
      this.touch(record);
    }
  }

  bookGroup(fields: BookingFields & { readonly maxAttendees?: number }): GroupAppointment {
    const timed = this.#timed(fields, true);
    const maxAttendees = fields.maxAttendees ?? this.tables.appointmentTypes.need(timed.typeId).maxAttendees;
    let first: GroupAppointment | null = null;
    for (const startsAt of repeatStarts(timed.startsAt, timed.repeatRule)) {
      const booking: GroupAppointment = this.#add(this.tables.groups, {
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
    return this.#addAttendee(group.id, patientId, this.#ids.next(this.tables.attendees, this.now()));
  }

  cancelAttendee(id: string, { reason = 50, note = null }: Cancellation = {}): void {
    this.#cancel(this.tables.attendees.need(id), reason, note);
  }

  arriveAttendee(id: string, arrived = true): void {
    const attendee = this.tables.attendees.need(id);
    attendee.arrived = arrived;
    this.touch(attendee);
  }

  /** All of a group appointment, cancelled or not. */
  attendeesOfGroup(id: string): readonly Attendee[] {
    return this.#groupAttendees.get(id) ?? [];
  }

  attach(patientId: string, fields: AttachmentFields): PatientAttachment {
    const { filename, contentType = 'application/pdf', bytes = null, readsUntilProcessed = 0 } = fields;
    const processed = readsUntilProcessed === 0;
    return this.#add(this.tables.attachments, {
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

  /** Seen once more; after the last unprocessed reading it is processed. */
  readAttachment(attachment: PatientAttachment): void {
    if (attachment.processedAt !== null || attachment.readsUntilProcessed === null) return;
    if (attachment.readsUntilProcessed-- > 0) return;
    attachment.filename = attachment.source.filename;
    attachment.contentType = attachment.source.contentType;
    attachment.processedAt = this.now();
    this.touch(attachment);
  }

  /** Gone without a trace: no flag, no `updated_at`. Only a full listing can notice. */
  removeSilently(id: string): boolean {
    const { appointments, groups, attendees } = this.tables;
    const booking = appointments.get(id) ?? groups.get(id);
    if (booking) for (const attendee of [...this.#attendeesOf(booking)]) this.removeSilently(attendee.id);
    const attendee = attendees.get(id);
    if (attendee) {
      const others = this.#groupAttendees.get(attendee.bookingId);
      others?.splice(others.indexOf(attendee), 1);
    }
    this.version++;
    return Object.values(this.tables).some((table) => table.remove(id));
  }

  archive(record: Archivable): void {
    record.archivedAt = this.now();
    this.touch(record);
  }

  /** For edits that have no word of their own here: change the record, then say so. */
  touch<T extends Stored>(record: T): T {
    record.updatedAt = this.now();
    this.version++;
    return record;
  }

  add<T extends Stored>(table: Table<T>, fields: Omit<T, keyof Stored>): T {
    return this.#add(table, fields);
  }

  #add<T extends Stored>(table: Table<T>, fields: Omit<T, keyof Stored>): T {
    const createdAt = this.now();
    this.version++;
    return table.add({ id: this.#ids.next(table, createdAt), createdAt, updatedAt: createdAt, ...fields } as T);
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

  #addAttendee(bookingId: string, patientId: string, id: string): Attendee {
    const createdAt = this.now();
    this.version++;
    const attendee = this.tables.attendees.add({
      id,
      createdAt,
      updatedAt: createdAt,
      archivedAt: null,
      deletedAt: null,
      ...NOT_CANCELLED,
      bookingId,
      patientId,
      caseId: null,
      arrived: false,
      notes: null,
    });
    this.#index(attendee);
    return attendee;
  }

  #index(attendee: Attendee): void {
    if (!this.tables.groups.get(attendee.bookingId)) return;
    const others = this.#groupAttendees.get(attendee.bookingId);
    if (others) others.push(attendee);
    else this.#groupAttendees.set(attendee.bookingId, [attendee]);
  }

  #attendeesOf(booking: Appointment | GroupAppointment): readonly Attendee[] {
    if (booking.kind === 'group') return this.attendeesOfGroup(booking.id);
    return [this.tables.attendees.need(booking.attendeeId)];
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

const NOT_CANCELLED = { cancelledAt: null, cancellationReason: null, cancellationNote: null } as const;

function seconds(time: Date | Seconds): Seconds {
  return typeof time === 'number' ? time : secondsOf(time);
}
