/** `BookView` on PostgreSQL. */
import { type RawBuilder, sql } from 'kysely';
import type { BookView, ClinicName, Room, ViewedAppointment, ViewedSlot } from '../../ports/book-view.ts';
import type { Database } from './database.ts';
import { databaseError } from './database-error.ts';
import { msOf } from './slot-loads.ts';

export function createBookView(database: Database): BookView {
  const run = async <Row>(query: RawBuilder<Row>): Promise<readonly Row[]> => {
    try {
      return (await query.execute(database.kysely)).rows;
    } catch (error) {
      throw databaseError(error);
    }
  };
  return {
    clinics: (organizationId) =>
      run(sql<ClinicName>`
        SELECT clinic_id AS "clinicId", connection_id AS "connectionId", timezone AS "timeZone"
        FROM clinic_schedule_config WHERE organization_id = ${organizationId} ORDER BY connection_id, clinic_id`),

    async rooms({ organizationId, clinicId }) {
      const [row] = await run(sql<{ rooms: unknown }>`
        SELECT idexx_config_snapshot -> 'rooms' AS rooms FROM clinic_schedule_config
        WHERE organization_id = ${organizationId} AND clinic_id = ${clinicId}`);
      return Array.isArray(row?.rooms) ? row.rooms.filter(isRoom).map(({ id, name }) => ({ id, name })) : [];
    },

    slots: ({ organizationId, clinicId }, { from, to }) =>
      run(sql<ViewedSlot>`
        SELECT a.slot_id AS "slotId", a.date::text AS date, left(a.slot_start::text, 5) AS "startTime",
               left(a.slot_end::text, 5) AS "endTime", a.fold, ${msOf(sql`a.starts_at`)} AS "startsAt",
               ${msOf(sql`a.ends_at`)} AS "endsAt", a.capacity, s.booked_count AS appointments,
               a.booked_count - s.booked_count AS bookings, a.available_count AS places, a.block_reason AS block
        FROM chartsync_available_slots(${organizationId}, ${clinicId}, ${from}, ${to}) AS a
        JOIN schedule_slots AS s ON s.id = a.slot_id AND s.organization_id = ${organizationId}
        ORDER BY a.starts_at`),

    appointments: ({ organizationId, clinicId }, { from, to }) =>
      run(sql<ViewedAppointment>`
        SELECT id, date::text AS date, left(start_time::text, 5) AS "startTime", left(end_time::text, 5) AS "endTime",
               ${msOf(sql`starts_at`)} AS "startsAt", ${msOf(sql`ends_at`)} AS "endsAt",
               -- The two shapes of answers name a column "7" and "room-7".
               regexp_replace(room_id, '^room-', '') AS "roomId", patient_name AS "patientName",
               client_name AS "clientName", provider_name AS "providerName", appointment_type AS type, status,
               unconfirmed_since IS NOT NULL AS unconfirmed
        FROM schedule_appointments
        WHERE organization_id = ${organizationId} AND clinic_id = ${clinicId} AND date BETWEEN ${from} AND ${to}
          AND deleted_at IS NULL
        ORDER BY starts_at, id`),
  };
}

function isRoom(value: unknown): value is Room {
  const { id, name } = (value ?? {}) as Record<string, unknown>;
  return typeof id === 'string' && typeof name === 'string';
}
