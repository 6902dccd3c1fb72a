/** The records of one account, and what every deed needs: a clock, identifiers, and a note that something changed. */
import type { WorldOptions } from './deeds.ts';
import { populate } from './populate.ts';
import { createRandom } from './random.ts';
import type { Appointment, Archivable, Attendee, GroupAppointment, Stored } from './records.ts';
import { createTables, IdMaker, type Table, type Tables } from './tables.ts';
import { type Seconds, secondsOf } from './time.ts';

export const NOT_CANCELLED = { cancelledAt: null, cancellationReason: null, cancellationNote: null } as const;

export class Ledger {
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

  /** All of a group appointment, cancelled or not. */
  attendeesOfGroup(id: string): readonly Attendee[] {
    return this.#groupAttendees.get(id) ?? [];
  }

  /**
   * Gone without a trace: no flag, no `updated_at`. Only a full listing can notice. A booking takes its attendees along.
   * @throws RangeError for the attendee of an individual appointment, which is there as long as the appointment
   */
  removeSilently(id: string): boolean {
    const { appointments, groups, attendees } = this.tables;
    const attendee = attendees.get(id);
    if (attendee) {
      if (appointments.get(attendee.bookingId)) throw new RangeError('Remove the appointment instead.');
      const others = this.#groupAttendees.get(attendee.bookingId);
      others?.splice(others.indexOf(attendee), 1);
    }
    const booking = appointments.get(id) ?? groups.get(id);
    if (booking) for (const one of this.attendeesOf(booking)) attendees.remove(one.id);
    this.#groupAttendees.delete(id);
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
    const createdAt = this.now();
    this.version++;
    return table.add({ id: this.#ids.next(table, createdAt), createdAt, updatedAt: createdAt, ...fields } as T);
  }

  protected attendeeId(): string {
    return this.#ids.next(this.tables.attendees, this.now());
  }

  protected joined(bookingId: string, patientId: string, id: string): Attendee {
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

  protected attendeesOf(booking: Appointment | GroupAppointment): readonly Attendee[] {
    if (booking.kind === 'group') return this.attendeesOfGroup(booking.id);
    return [this.tables.attendees.need(booking.attendeeId)];
  }
}
