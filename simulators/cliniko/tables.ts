/** The rows of an account, in the order of creation, and the identifiers they get. */
import type { Random } from './random.ts';
import type {
  Appointment,
  AppointmentType,
  Attendee,
  AvailabilityBlock,
  Business,
  DailyAvailability,
  GroupAppointment,
  Patient,
  PatientAttachment,
  PatientCase,
  Practitioner,
  Stored,
  UnavailableBlock,
  UnavailableBlockType,
  User,
} from './records.ts';
import type { Seconds } from './time.ts';

export class Table<T extends Stored> {
  readonly rows: T[] = [];
  readonly #byId = new Map<string, T>();
  readonly #kind: number;

  constructor(kind: number) {
    this.#kind = kind;
  }

  get kind(): number {
    return this.#kind;
  }

  add(row: T): T {
    this.rows.push(row);
    this.#byId.set(row.id, row);
    return row;
  }

  get(id: string): T | undefined {
    return this.#byId.get(id);
  }

  /** @throws RangeError for an unknown identifier: a mistake of the caller, not of a client */
  need(id: string): T {
    const row = this.#byId.get(id);
    if (!row) throw new RangeError(`There is no record ${id}.`);
    return row;
  }

  remove(id: string): boolean {
    const row = this.#byId.get(id);
    if (!row) return false;
    this.#byId.delete(id);
    this.rows.splice(this.rows.indexOf(row), 1);
    return true;
  }
}

export function createTables() {
  return {
    users: new Table<User>(1),
    practitioners: new Table<Practitioner>(2),
    businesses: new Table<Business>(3),
    appointmentTypes: new Table<AppointmentType>(4),
    patients: new Table<Patient>(5),
    appointments: new Table<Appointment>(6),
    groups: new Table<GroupAppointment>(7),
    attendees: new Table<Attendee>(8),
    blocks: new Table<UnavailableBlock>(9),
    blockTypes: new Table<UnavailableBlockType>(10),
    attachments: new Table<PatientAttachment>(11),
    cases: new Table<PatientCase>(12),
    availabilityBlocks: new Table<AvailabilityBlock>(13),
    dailyAvailabilities: new Table<DailyAvailability>(14),
  };
}

export type Tables = ReturnType<typeof createTables>;

const SINCE_2010 = 1_262_304_000;

/**
 * Identifiers grow with the time of creation, are far above 2^53, have always 19 digits, and no two kinds share one: a booking
 * has the identifier of its appointment.
 */
export class IdMaker {
  readonly #random: Random;
  readonly #last = new Map<number, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  next(table: { readonly kind: number }, createdAt: Seconds): string {
    let place = Math.max(0, createdAt - SINCE_2010) * 2 ** 20 + this.#random.int(0, 2 ** 20 - 1);
    const last = this.#last.get(table.kind) ?? -1;
    if (place <= last) place = last + this.#random.int(1, 1000);
    this.#last.set(table.kind, place);
    return (10n ** 18n + BigInt(place) * 1024n + BigInt(this.#random.int(0, 31) * 32 + table.kind)).toString();
  }
}
