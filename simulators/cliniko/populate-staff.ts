/** Who works at the invented practice, where, and what can be booked. */
import { inventFamilyName } from './people.ts';
import type { Random } from './random.ts';
import type { IdMaker, Tables } from './tables.ts';
import { DAY, HOUR, localFormatter, localTime, MINUTE, type Seconds } from './time.ts';

export interface Staff {
  readonly userIds: readonly string[];
  readonly practitionerIds: readonly string[];
  readonly businessIds: readonly string[];
  readonly typeIds: readonly string[];
  readonly groupTypeId: string;
  readonly blockTypeIds: readonly string[];
  /** A quarter of an hour within opening hours on about that day. */
  slot(random: Random, about: Seconds): Seconds;
}

interface StaffOptions {
  readonly random: Random;
  readonly since: Seconds;
  readonly now: Seconds;
  readonly timeZone: string;
}

const TYPES = [
  ['First visit', 'Consultation', 45, 1],
  ['Standard visit', 'Consultation', 30, 1],
  ['Short visit', null, 15, 1],
  ['Telehealth', 'Online', 30, 1],
  ['Exercise class', 'Class', 60, 8],
] as const;

export function populateStaff(tables: Tables, ids: IdMaker, options: StaffOptions): Staff {
  const { random, since, timeZone } = options;
  const stored = (table: { readonly kind: number }) => ({
    id: ids.next(table, since),
    createdAt: since,
    updatedAt: since,
  });
  for (let i = 0; i < 8; i++) {
    tables.users.add({
      ...stored(tables.users),
      firstName: `Staff${i + 1}`,
      lastName: inventFamilyName(random),
      email: `staff${i + 1}@example.invalid`,
      role: i === 0 ? 'administrator' : i === 7 ? 'receptionist' : 'practitioner',
      active: i !== 6,
    });
  }
  for (const user of tables.users.rows.slice(0, 7)) {
    tables.practitioners.add({
      ...stored(tables.practitioners),
      firstName: user.firstName,
      lastName: user.lastName,
      designation: random.pick(['Physiotherapist', 'Osteopath', 'Podiatrist', '']),
      active: user.active,
      showOnline: random.chance(0.7),
      userId: user.id,
    });
  }
  const practitionerIds = tables.practitioners.rows.map(({ id }) => id);
  for (const [name, category, durationMinutes, maxAttendees] of TYPES) {
    tables.appointmentTypes.add({
      ...stored(tables.appointmentTypes),
      archivedAt: null,
      name,
      category,
      color: '#88aacc',
      durationMinutes,
      maxAttendees,
      showOnline: maxAttendees === 1,
      practitionerIds,
    });
  }
  const typeIds = tables.appointmentTypes.rows.map(({ id }) => id);
  for (const [name, archived] of [
    ['Sample Street', false],
    ['Example Parade', false],
    ['Closed Rooms', true],
  ] as const) {
    tables.businesses.add({
      ...stored(tables.businesses),
      archivedAt: archived ? since : null,
      deletedAt: null,
      name,
      timeZone,
      timeZoneLabel: timeZone.split('/').at(-1)!.replaceAll('_', ' '),
      showOnline: !archived,
      typeIds,
      practitionerIds,
    });
  }
  const businessIds = tables.businesses.rows.slice(0, 2).map(({ id }) => id);
  for (const name of ['Break', 'Holiday', 'Meeting']) {
    tables.blockTypes.add({
      ...stored(tables.blockTypes),
      archivedAt: null,
      name,
      color: '#cccccc',
      durationMinutes: 60,
    });
  }
  openingHours(tables, stored, practitionerIds, businessIds);
  const offset = localOffset(options.now, timeZone);
  return {
    userIds: tables.users.rows.map(({ id }) => id),
    practitionerIds: practitionerIds.slice(0, 6),
    businessIds,
    typeIds: typeIds.slice(0, 4),
    groupTypeId: typeIds[4]!,
    blockTypeIds: tables.blockTypes.rows.map(({ id }) => id),
    slot: (chance, about) => Math.floor(about / DAY) * DAY + DAY - offset + 8 * HOUR + chance.int(0, 36) * 15 * MINUTE,
  };
}

function openingHours(
  tables: Tables,
  stored: (table: { readonly kind: number }) => { id: string; createdAt: Seconds; updatedAt: Seconds },
  practitionerIds: readonly string[],
  businessIds: readonly string[],
): void {
  for (const practitionerId of practitionerIds.slice(0, 6)) {
    for (let dayOfWeek = 1; dayOfWeek <= 5; dayOfWeek++) {
      tables.dailyAvailabilities.add({
        ...stored(tables.dailyAvailabilities),
        practitionerId,
        businessId: businessIds[dayOfWeek % businessIds.length]!,
        dayOfWeek,
        startsAt: '09:00',
        endsAt: '17:00',
      });
    }
    const row = stored(tables.availabilityBlocks);
    const startsAt = Math.floor(row.createdAt / DAY) * DAY + 9 * HOUR;
    tables.availabilityBlocks.add({
      ...row,
      practitionerId,
      businessId: businessIds[0]!,
      startsAt,
      endsAt: startsAt + 4 * HOUR,
    });
  }
}

/** How far local clocks are ahead of UTC. */
function localOffset(now: Seconds, timeZone: string): number {
  const local = localTime(now, localFormatter(timeZone));
  const shown = Date.parse(`${local.day}T00:00:00Z`) / 1000 + local.minute * MINUTE;
  return shown - Math.floor(now / MINUTE) * MINUTE;
}
