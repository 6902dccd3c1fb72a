/** The settings of a clinic: what its source says, and what the connection says against it. */
import { SyncError } from '../../domain/errors.ts';
import { capacityOf } from '../../domain/slots.ts';
import type { CalendarClinic } from '../../ports/calendar-source.ts';
import type { ClinicSettings } from '../../ports/slot-book.ts';
import type { WindowReads } from './read-window.ts';
import type { BookSettings } from './settings.ts';

/** Without columns there may be any number of rooms; so many are careful. */
const DEFAULT_CAPACITY = 2;

/** @throws SyncError `settings_invalid` for a column that the source does not have */
export function clinicSettings(
  clinic: CalendarClinic,
  settings: BookSettings,
  answers: Pick<WindowReads, 'shape' | 'unknownStates'> | null,
): ClinicSettings {
  const rooms =
    settings.rooms === null
      ? clinic.rooms
      : settings.rooms.map((wanted) => {
          const room = clinic.rooms.find(({ id, name }) => id === wanted || name === wanted);
          if (room !== undefined) return room;
          throw new SyncError('settings_invalid', {
            detail: 'rooms names a calendar column that the portal does not have.',
          });
        });
  return {
    hours: {
      timeZone: settings.timeZone,
      hours: clinic.hours,
      slotMinutes: settings.slotMinutes ?? clinic.slotMinutes,
      capacity: settings.capacity ?? capacityOf(rooms.length, DEFAULT_CAPACITY),
    },
    ...(settings.breaks === null ? {} : { breaks: settings.breaks }),
    horizonDays: settings.daysAhead,
    staleAfterMinutes: settings.staleAfterMinutes,
    alarmAfterMinutes: settings.alarmAfterMinutes,
    // The two shapes of answers name a column "7" and "room-7".
    roomIds: settings.rooms === null ? null : rooms.flatMap(({ id }) => [id, `room-${id}`]),
    appointmentTypes: clinic.appointmentTypes,
    sourceConfig: {
      ...clinic,
      ...(answers === null ? {} : { shape: answers.shape, unknownStates: answers.unknownStates }),
    },
  };
}
