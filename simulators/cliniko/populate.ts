/** Fills an account with years of invented practice: people, bookings of every state, and what belongs to them. */
import { inventPerson } from './people.ts';
import { populateStaff, type Staff } from './populate-staff.ts';
import type { Random } from './random.ts';
import type { Attendee, Patient } from './records.ts';
import type { IdMaker, Tables } from './tables.ts';
import { DAY, HOUR, MINUTE, type Seconds } from './time.ts';

export interface PopulateOptions {
  readonly random: Random;
  readonly now: Seconds;
  readonly patients: number;
  readonly appointments: number;
  readonly timeZone: string;
}

const YEARS = 3 * 365 * DAY;

export function populate(tables: Tables, ids: IdMaker, options: PopulateOptions): void {
  const { random, now } = options;
  const staff = populateStaff(tables, ids, { ...options, random: random.fork('staff'), since: now - YEARS });
  populatePatients(tables, ids, random.fork('patients'), now, options.patients);
  if (options.patients === 0) return;
  populateAppointments(tables, ids, random.fork('appointments'), now, options.appointments, staff);
  populateGroups(tables, ids, random.fork('groups'), now, Math.ceil(options.appointments / 50), staff);
  populateBlocks(tables, ids, random.fork('blocks'), now, Math.ceil(options.appointments / 100), staff);
  populateAttachments(tables, ids, random.fork('attachments'), now, Math.ceil(options.patients / 10), staff);
}

/** Ascending times; now and then fifty fall into the same second, as after an import. */
function* creationTimes(random: Random, count: number, from: Seconds, to: Seconds): Generator<Seconds> {
  let last = from;
  for (let i = 0; i < count; i++) {
    if (i % 1000 >= 50 || i % 1000 === 0) {
      last = Math.max(last, Math.floor(from + ((i + random.next()) / count) * (to - from)));
    }
    yield last;
  }
}

/** What belonged to a merged patient belongs to the other. */
function ownerOf(patient: Patient): string {
  return patient.mergedInto ?? patient.id;
}

function populatePatients(tables: Tables, ids: IdMaker, random: Random, now: Seconds, count: number): void {
  let number = 0;
  let winner: string | null = null;
  for (const createdAt of creationTimes(random, count, now - YEARS, now - HOUR)) {
    const changedAt = random.chance(0.5) ? random.int(createdAt, now) : createdAt;
    const fate = random.next();
    const merged = fate < 0.01 && winner !== null;
    const patient = tables.patients.add({
      id: ids.next(tables.patients, createdAt),
      createdAt,
      updatedAt: changedAt,
      archivedAt: merged || (fate > 0.02 && fate < 0.07) ? changedAt : null,
      deletedAt: fate > 0.01 && fate < 0.02 ? changedAt : null,
      mergedAt: merged ? changedAt : null,
      mergedInto: merged ? winner : null,
      ...inventPerson(random, ++number),
      extra: null,
    });
    if (patient.archivedAt === null && patient.deletedAt === null) winner = patient.id;
  }
}

/** Of so many appointments the first begins a series. */
const SERIES_EVERY = 97;
const WEEKLY = { type: 'Weekly', interval: 1, count: 2 } as const;

const NOTES = [null, null, null, null, '', 'Invented note: bring the referral.', 'Invented note: first visit.'];

function populateAppointments(
  tables: Tables,
  ids: IdMaker,
  random: Random,
  now: Seconds,
  count: number,
  staff: Staff,
): void {
  const rows = tables.patients.rows;
  let series = { id: '', patientId: '', startsAt: 0 };
  let number = -1;
  for (const createdAt of creationTimes(random, count, now - YEARS + 30 * DAY, now - MINUTE)) {
    const place = ++number % SERIES_EVERY;
    const repeats = place > 0 && place <= WEEKLY.count;
    const patient = rows[random.int(0, rows.length - 1)]!;
    const patientId = repeats ? series.patientId : ownerOf(patient);
    const free = staff.slot(random, createdAt + random.int(1, 45) * DAY);
    const startsAt = repeats ? series.startsAt + place * 7 * DAY : free;
    const past = startsAt < now;
    const changedAt = random.chance(0.6)
      ? random.int(createdAt, Math.max(createdAt, Math.min(now, startsAt + DAY)))
      : createdAt;
    const fate = random.next();
    const cancelled = fate < 0.1;
    const deletedAt = fate > 0.1 && fate < 0.11 ? changedAt : null;
    const archivedAt = fate > 0.11 && fate < 0.12 ? changedAt : null;
    const id = ids.next(tables.appointments, createdAt);
    const attendeeId = ids.next(tables.attendees, createdAt);
    const arrived = past && !cancelled && fate > 0.2;
    if (place === 0) series = { id, patientId, startsAt };
    const cancellation = {
      cancelledAt: cancelled ? changedAt : null,
      cancellationReason: cancelled ? random.pick([10, 20, 30, 31, 40, 50, 60]) : null,
      cancellationNote: cancelled && random.chance(0.3) ? 'Invented reason.' : null,
    };
    tables.appointments.add({
      kind: 'individual',
      id,
      createdAt,
      updatedAt: changedAt,
      archivedAt,
      deletedAt,
      ...cancellation,
      startsAt,
      endsAt: startsAt + 30 * MINUTE,
      practitionerId: random.pick(staff.practitionerIds),
      businessId: random.pick(staff.businessIds),
      typeId: random.pick(staff.typeIds),
      patientId,
      caseId: null,
      attendeeId,
      repeatedFrom: repeats ? series.id : null,
      repeatRule: repeats || place === 0 ? WEEKLY : null,
      notes: random.pick(NOTES),
      didNotArrive: past && !cancelled && fate > 0.12 && fate < 0.18,
      arrived,
    });
    tables.attendees.add({
      id: attendeeId,
      createdAt,
      updatedAt: changedAt,
      archivedAt,
      deletedAt,
      ...cancellation,
      bookingId: id,
      patientId,
      caseId: null,
      arrived,
      notes: null,
    });
  }
}

function populateGroups(tables: Tables, ids: IdMaker, random: Random, now: Seconds, count: number, staff: Staff): void {
  const rows = tables.patients.rows;
  const attendees: Omit<Attendee, 'id'>[] = [];
  for (const createdAt of creationTimes(random, count, now - YEARS + 30 * DAY, now - MINUTE)) {
    const startsAt = staff.slot(random, createdAt + random.int(1, 45) * DAY);
    const fate = random.next();
    const group = tables.groups.add({
      kind: 'group',
      id: ids.next(tables.groups, createdAt),
      createdAt,
      updatedAt: createdAt,
      archivedAt: fate < 0.02 ? createdAt : null,
      deletedAt: fate > 0.98 ? createdAt : null,
      startsAt,
      endsAt: startsAt + HOUR,
      practitionerId: random.pick(staff.practitionerIds),
      businessId: random.pick(staff.businessIds),
      typeId: staff.groupTypeId,
      maxAttendees: 8,
      repeatedFrom: null,
      repeatRule: null,
      notes: random.pick(NOTES),
    });
    const invited = new Set(Array.from({ length: random.int(0, 6) }, () => random.int(0, rows.length - 1)));
    for (const place of invited) {
      const cancelled = random.chance(0.15);
      attendees.push({
        createdAt,
        updatedAt: createdAt,
        archivedAt: null,
        deletedAt: null,
        cancelledAt: cancelled ? createdAt : null,
        cancellationReason: cancelled ? 50 : null,
        cancellationNote: null,
        bookingId: group.id,
        patientId: ownerOf(rows[place]!),
        caseId: null,
        arrived: startsAt < now && !cancelled && random.chance(0.8),
        notes: null,
      });
    }
  }
  // The attendees of individual appointments are there already: all together are served in the order of their creation.
  const later = new IdsBehind(ids, tables);
  for (const attendee of attendees) tables.attendees.add({ id: later.next(attendee.createdAt), ...attendee });
  tables.attendees.rows.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
}

/** Identifiers for attendees that are made after others of a later creation. Their own kind number keeps them apart. */
class IdsBehind {
  readonly #ids: IdMaker;
  readonly #table: { readonly kind: number };

  constructor(ids: IdMaker, tables: Tables) {
    this.#ids = ids;
    this.#table = { kind: tables.attendees.kind + 16 };
  }

  next(createdAt: Seconds): string {
    return this.#ids.next(this.#table, createdAt);
  }
}

function populateBlocks(tables: Tables, ids: IdMaker, random: Random, now: Seconds, count: number, staff: Staff): void {
  for (const createdAt of creationTimes(random, count, now - YEARS + 30 * DAY, now - MINUTE)) {
    const startsAt = staff.slot(random, createdAt + random.int(1, 45) * DAY);
    tables.blocks.add({
      kind: 'block',
      id: ids.next(tables.blocks, createdAt),
      createdAt,
      updatedAt: createdAt,
      archivedAt: null,
      deletedAt: random.chance(0.03) ? createdAt : null,
      startsAt,
      endsAt: startsAt + random.pick([1, 2, 4]) * HOUR,
      practitionerId: random.pick(staff.practitionerIds),
      businessId: random.pick(staff.businessIds),
      blockTypeId: random.pick(staff.blockTypeIds),
      repeatedFrom: null,
      repeatRule: null,
      notes: random.pick(NOTES),
    });
  }
}

const FILES = [
  ['referral letter.pdf', 'application/pdf'],
  ['Überweisung äöü.pdf', 'application/pdf'],
  ['../../etc/passwd', 'text/plain'],
  ['scan 1.jpg', 'image/jpeg'],
  ['report', 'invalid/invalid'],
  ['診断書.txt', 'text/plain'],
] as const;

function populateAttachments(
  tables: Tables,
  ids: IdMaker,
  random: Random,
  now: Seconds,
  count: number,
  staff: Staff,
): void {
  const rows = tables.patients.rows;
  for (const createdAt of creationTimes(random, count, now - YEARS + 30 * DAY, now - HOUR)) {
    const [filename, contentType] = random.pick(FILES);
    tables.attachments.add({
      id: ids.next(tables.attachments, createdAt),
      createdAt,
      updatedAt: createdAt + 5,
      archivedAt: random.chance(0.04) ? createdAt + 5 : null,
      patientId: ownerOf(random.pick(rows)),
      userId: random.chance(0.9) ? random.pick(staff.userIds) : null,
      description: random.pick([null, '', 'Invented document']),
      filename,
      contentType,
      processedAt: createdAt + 5,
      source: { filename, contentType, bytes: null },
      readsUntilProcessed: 0,
    });
    if (random.chance(0.3)) populateCase(tables, ids, random, createdAt);
  }
}

function populateCase(tables: Tables, ids: IdMaker, random: Random, createdAt: Seconds): void {
  tables.cases.add({
    id: ids.next(tables.cases, createdAt),
    createdAt,
    updatedAt: createdAt,
    archivedAt: null,
    patientId: ownerOf(random.pick(tables.patients.rows)),
    name: 'Invented case',
    notes: random.pick([null, '']),
    issueDate: null,
    expiryDate: null,
    closedAt: random.chance(0.3) ? createdAt : null,
    maxSessions: random.pick([null, 6, 10]),
  });
}
