/** Whether two bookings of one practitioner overlap. */
import type { Booking } from './records.ts';
import type { Seconds } from './time.ts';
import type { World } from './world.ts';

export function hasConflict(booking: Booking, world: World): boolean {
  return isTaken(world, booking.practitionerId, booking.startsAt, booking.endsAt, booking.id);
}

/** Bookings that are cancelled, archived or deleted take no time. */
export function isTaken(world: World, practitionerId: string, from: Seconds, to: Seconds, except?: string): boolean {
  const { appointments, groups, blocks } = world.tables;
  const overlaps = (one: Booking): boolean =>
    one.practitionerId === practitionerId &&
    one.startsAt < to &&
    one.endsAt > from &&
    one.id !== except &&
    one.archivedAt === null &&
    one.deletedAt === null &&
    (one.kind !== 'individual' || one.cancelledAt === null);
  return appointments.rows.some(overlaps) || groups.rows.some(overlaps) || blocks.rows.some(overlaps);
}
