/** Opening hours and other settings of clinics. */
import { sql, type Transaction } from 'kysely';
import { minutesOf } from '../../domain/clinic-day.ts';
import { SyncError } from '../../domain/errors.ts';
import { normaliseUuid } from '../../domain/reference.ts';
import type { ClinicBreak, ClinicHours, OpenHours } from '../../domain/slots.ts';
import type { Fence } from '../../ports/document-records.ts';
import type { AppointmentType, Clinic, ClinicKey, ClinicSettings } from '../../ports/slot-book.ts';
import type { Database } from './database.ts';
import { holdFence } from './fence.ts';
import type { Tables } from './tables.ts';

type Trx = Transaction<Tables>;
type WeekHours = ClinicHours['hours'];

/** Runs `work` for a clinic of the fence's connection. @throws SyncError `lease_lost`, `settings_invalid` */
export function forClinic<T>(
  database: Database,
  fence: Fence,
  clinicId: string,
  work: (trx: Trx, key: ClinicKey & { readonly clinic: Clinic }) => Promise<T>,
): Promise<T> {
  return database.transaction(async (trx) => {
    await holdFence(trx, fence);
    const clinic = await loadClinic(trx, { organizationId: fence.organizationId, clinicId });
    if (clinic === null || clinic.connectionId !== fence.connectionId) {
      throw new SyncError('settings_invalid', { detail: 'The clinic is not configured for this connection.' });
    }
    return work(trx, { organizationId: fence.organizationId, clinicId, clinic });
  });
}

export async function configureClinic(
  trx: Trx,
  fence: Fence,
  clinicId: string,
  settings: ClinicSettings,
): Promise<void> {
  check(clinicId, settings);
  const { hours } = settings;
  const days = Object.entries(hours.hours).filter(([, parts]) => (parts ?? []).length > 0);
  const parts = days.flatMap(([, all]) => all ?? []);
  // For applications that know one pair of hours only: the outermost ones.
  const open = parts.map((p) => p.from).sort()[0] ?? '08:00';
  const close =
    parts
      .map((p) => p.to)
      .sort()
      .at(-1) ?? '18:00';
  const daily = Object.fromEntries(
    days.map(([day, all]) => [day, (all ?? []).map((part) => ({ open: part.from, close: part.to }))]),
  );
  const { rows } = await sql`
    INSERT INTO clinic_schedule_config AS c
      (organization_id, connection_id, clinic_id, open_time, close_time, days_of_week, slot_duration_minutes,
       default_capacity, sync_horizon_days, stale_threshold_minutes, alarm_threshold_minutes, timezone,
       idexx_config_snapshot, daily_hours, scheduling_room_ids, appointment_types)
    VALUES (${fence.organizationId}, ${fence.connectionId}, ${clinicId}, ${open}, ${close},
            ${days.map(([day]) => Number(day))}::int[], ${hours.slotMinutes}, ${hours.capacity}, ${settings.horizonDays},
            ${settings.staleAfterMinutes}, ${settings.alarmAfterMinutes}, ${hours.timeZone},
            ${settings.sourceConfig === null ? null : JSON.stringify(settings.sourceConfig)}::jsonb,
            ${JSON.stringify(daily)}::jsonb, ${settings.roomIds === null ? null : [...settings.roomIds]}::text[],
            ${JSON.stringify(settings.appointmentTypes)}::jsonb)
    ON CONFLICT (clinic_id) DO UPDATE
      SET connection_id = excluded.connection_id, open_time = excluded.open_time, close_time = excluded.close_time,
          days_of_week = excluded.days_of_week, slot_duration_minutes = excluded.slot_duration_minutes,
          default_capacity = excluded.default_capacity, sync_horizon_days = excluded.sync_horizon_days,
          stale_threshold_minutes = excluded.stale_threshold_minutes,
          alarm_threshold_minutes = excluded.alarm_threshold_minutes, timezone = excluded.timezone,
          idexx_config_snapshot = excluded.idexx_config_snapshot, daily_hours = excluded.daily_hours,
          scheduling_room_ids = excluded.scheduling_room_ids, appointment_types = excluded.appointment_types,
          updated_at = now()
      WHERE c.organization_id = excluded.organization_id
        -- A clinic goes to another connection only when its own is gone.
        AND (c.connection_id = excluded.connection_id OR EXISTS (
          SELECT 1 FROM connections AS o
          WHERE o.organization_id = c.organization_id AND o.id = c.connection_id AND o.state = 'removed'))
    RETURNING 1`.execute(trx);
  if (rows.length === 0) {
    throw new SyncError('settings_invalid', { detail: 'The clinic belongs to another connection.' });
  }
  if (settings.breaks !== undefined) await replaceBreaks(trx, fence.organizationId, clinicId, settings.breaks);
  if (settings.closedDays !== undefined)
    await replaceClosedDays(trx, fence.organizationId, clinicId, settings.closedDays);
}

/** What the tables cannot refuse in words that a person understands. */
function check(clinicId: string, settings: ClinicSettings): void {
  const refuse = (detail: string) => {
    throw new SyncError('settings_invalid', { detail });
  };
  if (normaliseUuid(clinicId) !== clinicId) refuse('The id of a clinic is a UUID in lower case.');
  try {
    new Intl.DateTimeFormat('en', { timeZone: settings.hours.timeZone });
  } catch {
    refuse('The time zone of the clinic is not known.');
  }
  const ranges: [name: string, value: number, least: number, most: number][] = [
    ['The length of a slot', settings.hours.slotMinutes, 1, 120],
    ['The number of places', settings.hours.capacity, 1, 1000],
    ['The horizon in days', settings.horizonDays, 1, 60],
    ['The limit of age', settings.staleAfterMinutes, 1, 100_000],
    ['The limit of alarms', settings.alarmAfterMinutes, 1, 100_000],
  ];
  for (const [name, value, least, most] of ranges) {
    if (!Number.isInteger(value) || value < least || value > most) refuse(`${name} is not from ${least} to ${most}.`);
  }
  const parts = [...Object.values(settings.hours.hours).flatMap((all) => all ?? []), ...(settings.breaks ?? [])];
  if (parts.some((p) => !(minutesOf(p.from) < minutesOf(p.to) && minutesOf(p.to) <= 1440))) {
    refuse('Hours must end after they begin, at 24:00 at the latest.');
  }
}

async function replaceBreaks(trx: Trx, organizationId: string, clinicId: string, breaks: readonly ClinicBreak[]) {
  await sql`
    DELETE FROM clinic_blocked_periods WHERE organization_id = ${organizationId} AND clinic_id = ${clinicId}`.execute(
    trx,
  );
  for (const pause of breaks) {
    await sql`
      INSERT INTO clinic_blocked_periods (organization_id, clinic_id, name, start_time, end_time, days_of_week)
      VALUES (${organizationId}, ${clinicId}, ${pause.name}, ${pause.from}, ${pause.to}, ${[...pause.days]}::int[])`.execute(
      trx,
    );
  }
}

async function replaceClosedDays(
  trx: Trx,
  organizationId: string,
  clinicId: string,
  days: readonly { readonly date: string; readonly name: string }[],
) {
  await sql`
    DELETE FROM clinic_closed_days WHERE organization_id = ${organizationId} AND clinic_id = ${clinicId}`.execute(trx);
  await sql`
    INSERT INTO clinic_closed_days (organization_id, clinic_id, date, name)
    SELECT ${organizationId}, ${clinicId}, d.date, d.name
    FROM unnest(${days.map((d) => d.date)}::date[], ${days.map((d) => d.name)}::text[]) AS d (date, name)
    ON CONFLICT DO NOTHING`.execute(trx);
}

interface ConfigRow {
  connection: string;
  open: string;
  close: string;
  days: number[];
  daily: Record<string, { open: string; close: string }[]> | null;
  slotMinutes: number;
  capacity: number;
  horizon: number;
  stale: number;
  alarm: number;
  timeZone: string;
  rooms: string[] | null;
  types: AppointmentType[];
  breaks: { name: string; from: string; to: string; days: number[] }[];
  closed: string[];
}

/** @returns null also for an id that is no UUID: it names nothing, and PostgreSQL would refuse to compare it */
export async function loadClinic(db: Trx | Database['kysely'], key: ClinicKey): Promise<Clinic | null> {
  if (normaliseUuid(key.clinicId) === null) return null;
  const { rows } = await sql<ConfigRow>`
    SELECT connection_id AS connection, left(open_time::text, 5) AS open, left(close_time::text, 5) AS close,
           days_of_week AS days, daily_hours AS daily, slot_duration_minutes AS "slotMinutes", default_capacity AS capacity,
           sync_horizon_days AS horizon, stale_threshold_minutes AS stale, alarm_threshold_minutes AS alarm,
           timezone AS "timeZone", scheduling_room_ids AS rooms, appointment_types AS types,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', p.name, 'from', left(p.start_time::text, 5),
                                                         'to', left(p.end_time::text, 5), 'days', p.days_of_week)
                                      ORDER BY p.start_time, p.id), '[]')
            FROM clinic_blocked_periods AS p
            WHERE p.organization_id = c.organization_id AND p.clinic_id = c.clinic_id AND p.is_active) AS breaks,
           ARRAY(SELECT d.date::text FROM clinic_closed_days AS d
                 WHERE d.organization_id = c.organization_id AND d.clinic_id = c.clinic_id) AS closed
    FROM clinic_schedule_config AS c
    WHERE c.organization_id = ${key.organizationId} AND c.clinic_id = ${key.clinicId}`.execute(db);
  const row = rows[0];
  if (row === undefined) return null;
  return {
    connectionId: row.connection,
    hours: {
      timeZone: row.timeZone,
      hours: weekHours(row),
      breaks: row.breaks,
      closedDays: new Set(row.closed),
      slotMinutes: row.slotMinutes,
      capacity: row.capacity,
    },
    horizonDays: row.horizon,
    staleAfterMinutes: row.stale,
    alarmAfterMinutes: row.alarm,
    roomIds: row.rooms,
    appointmentTypes: row.types,
  };
}

function weekHours(row: ConfigRow): WeekHours {
  if (row.daily === null) {
    return Object.fromEntries(row.days.map((day) => [day, [{ from: row.open, to: row.close }]]));
  }
  return Object.fromEntries(
    Object.entries(row.daily).map(([day, parts]): [string, OpenHours[]] => [
      day,
      parts.map((part) => ({ from: part.open, to: part.close })),
    ]),
  );
}
