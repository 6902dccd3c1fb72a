/** How stored slots follow the opening hours. */
import type { Slot } from './slots.ts';

export interface StoredSlot extends Slot {
  readonly id: string;
  /** Kept because of a booking although the clinic is not open then any more. */
  readonly retired: boolean;
  /** Some booking that is not cancelled needs its time. */
  readonly booked: boolean;
}

export interface SlotChanges {
  readonly create: readonly Slot[];
  /** Retired ones that are wanted again included. */
  readonly update: readonly { readonly id: string; readonly slot: Slot }[];
  /** Ids. */
  readonly remove: readonly string[];
  readonly retire: readonly string[];
}

export function changesOfSlots(wanted: readonly Slot[], stored: readonly StoredSlot[]): SlotChanges {
  const key = (slot: Slot) => `${slot.date} ${slot.startTime} ${slot.fold}`;
  const byKey = new Map(stored.map((slot) => [key(slot), slot]));
  const kept = new Set(wanted.map(key));
  const gone = stored.filter((slot) => !kept.has(key(slot)));
  return {
    create: wanted.filter((slot) => !byKey.has(key(slot))),
    update: wanted.flatMap((slot) => {
      const old = byKey.get(key(slot));
      return old === undefined || isSame(old, slot) ? [] : [{ id: old.id, slot }];
    }),
    remove: gone.filter((slot) => !slot.booked).map((slot) => slot.id),
    retire: gone.filter((slot) => slot.booked && !slot.retired).map((slot) => slot.id),
  };
}

function isSame(old: StoredSlot, slot: Slot): boolean {
  return (
    !old.retired &&
    old.startsAt === slot.startsAt &&
    old.endsAt === slot.endsAt &&
    old.endTime === slot.endTime &&
    old.capacity === slot.capacity
  );
}
